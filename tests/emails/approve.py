"""Write the approved letters anew, after looking at them: `python -m tests.emails.approve`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from adapters.mail.render import render
from tests.emails.samples import CURRENCY, READERS, letter, payloads
from tests.fakes.postman import HOUSE

APPROVED = Path(__file__).parent / "approved"


def letters_as_files() -> Iterator[tuple[str, str]]:
    """File name and content of every sample: template, variant and locale, in text and HTML."""
    for locale, currency in CURRENCY.items():
        for name, payload in payloads(currency).items():
            rendered = render(letter(payload, READERS[locale]), HOUSE)
            yield f"{name}.{locale}.txt", f"Subject: {rendered.subject}\n\n{rendered.text}"
            yield f"{name}.{locale}.html", rendered.html


def main() -> None:
    for old in APPROVED.glob("*"):
        old.unlink()
    for name, content in letters_as_files():
        (APPROVED / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
