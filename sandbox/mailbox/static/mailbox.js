// Keeps the list of mails current without touching the mail that is being read.
const PAUSE_MS = 2000;

async function refresh() {
  const list = document.getElementById("list");
  const { deliveries } = await (await fetch("/api/count")).json();
  if (String(deliveries) === list.dataset.deliveries) return;
  const page = await (await fetch(location.href)).text();
  const fresh = new DOMParser().parseFromString(page, "text/html");
  if (!document.querySelector("article h2")) {
    document.querySelector("main").replaceWith(fresh.querySelector("main"));
  } else {
    const current = list.querySelector(".open")?.getAttribute("href");
    const scrolled = list.scrollTop;
    list.replaceWith(fresh.getElementById("list"));
    for (const line of document.querySelectorAll("#list .line")) {
      line.classList.toggle("open", line.getAttribute("href") === current);
    }
    document.getElementById("list").scrollTop = scrolled;
  }
}

setInterval(() => document.hidden || refresh().catch(() => {}), PAUSE_MS);
