"""One dispute driven through every door with canaries in it, and every place where one might turn up afterwards."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, select, text, update

from adapters.mail.smtp import SmtpPostman
from adapters.postgres.books import Books
from adapters.postgres.engine import open_engine
from adapters.postgres.tables import effects, invoices, metadata, tenants
from adapters.stripe.provider import StripeProvider
from billing.cases import Opening
from billing.disputes import Ticket, case_id
from sandbox.stripe.faults import FaultKind
from settings import Settings
from tests.adapters.mail.mail_server import MailServer
from tests.console.caller import Caller, calling, created
from tests.fixtures.stripe_simulator import StripeSimulator
from tests.fixtures.temporal import CaseClock
from tests.sandbox.stripe.builders import Books as BooksAtStripe
from tests.starters.desk import CaseDesk, plain_ticket
from tests.workflows.office import CaseInHand, Office, an_office

CARD = "4111 1111 1111 1111"
NAME = "Canary Requester"
ADDRESS = "canary-requester@acme.example"
WORDS = "canary-words-of-the-customer"
QUESTION = "canary-question-of-the-agent"

WEBHOOK_SECRET = "canary-webhook-secret"
STRIPE_KEY = "sk_test_canaryStripeKey"
MAIL_PASSWORD = "canary-mail-password"
DATABASE_PASSWORD = "canary-database-password"


@dataclass
class Traces:
    """What was said and answered over HTTP, and what everything else remembers."""

    caller: Caller
    office: Office
    stripe: StripeSimulator
    mail: MailServer
    case: CaseInHand
    tokens: dict[str, str]
    answers: list[httpx.Response] = field(default_factory=list)

    async def labels(self) -> str:
        """What Temporal shows without being asked for the history: the id, the search attributes, the summary."""
        described = await self.case.handle.describe()
        return f"{described.id} {described.typed_search_attributes} {await described.static_summary()}"

    async def history(self) -> str:
        """The history as JSON, its payloads decoded."""
        told = (await self.case.handle.fetch_history()).to_json()
        payloads = re.findall(r'"data": "([A-Za-z0-9+/=]+)"', told)
        return "\n".join([told, *(base64.b64decode(payload).decode() for payload in payloads)])

    def keys(self) -> str:
        """Every key by which an effect is known, here and at Stripe."""
        with self.office.world.engine.connect() as books:
            here = books.execute(select(effects.c.op_key)).scalars().all()
        return f"{here} {[request.idempotency_key for request in self.stripe.control.requests()]}"

    def tables(self) -> str:
        """Every row of every table."""
        with self.office.world.engine.connect() as books:
            rows = [
                books.execute(text(f"select to_jsonb(t)::text from {table.name} t")).scalars().all()  # noqa: S608
                for table in metadata.sorted_tables
            ]
        return "\n".join(row for table in rows for row in table)

    def letters(self) -> str:
        parts = [part for mail in self.mail.mails for part in mail.walk() if not part.is_multipart()]
        return "\n".join(str(part.get_content()) for part in parts)

    def at_stripe(self) -> str:
        return json.dumps(self.stripe.control.state(), ensure_ascii=False)


@asynccontextmanager
async def a_driven_dispute(
    database_url: str, clock: CaseClock, folder: Path, stripe: StripeSimulator, mail: MailServer
) -> AsyncIterator[Traces]:
    """A dispute of 60 dollars from its ticket to its credit, with trouble at every outside party on the way."""
    engine = open_engine(database_url.replace("@", f":{DATABASE_PASSWORD}@", 1))
    provider = StripeProvider(STRIPE_KEY, stripe.url)
    sender = "Billing <billing@house.example>"
    postman = SmtpPostman("127.0.0.1", mail.port, sender, username="billing", password=MAIL_PASSWORD, timeout=2)
    async with an_office(engine, clock, folder, provider=provider, postman=postman) as office:
        _customer(office, engine, stripe)
        settings = Settings(task_queue=office.queue, ticket_webhook_secret=SecretStr(WEBHOOK_SECRET))
        tokens = office.world.tokens
        async with calling(CaseDesk(clock.client, Books.over(engine), settings, tokens)) as caller:
            ticket = _ticket()
            handle = clock.client.get_workflow_handle(case_id(ticket["ticket_id"]))
            case = CaseInHand(clock, handle, office, Opening(ticket=Ticket.model_validate(ticket)))
            traces = Traces(caller, office, stripe, mail, case, tokens)
            await _drive(traces, ticket)
            yield traces
    engine.dispose()


def _ticket(**changes: Any) -> dict[str, Any]:
    typed = {
        "claimed_amount": "370.00",
        "billed_amount": "430.00",
        "subject": f"card {CARD}",
        "description": f"{WORDS}: you charged {CARD.replace(' ', '')} twice",
        "evidence": [{"name": f"{CARD}.png", "link": f"https://files.acme.example/{CARD.replace(' ', '')}.png"}],
        "requester": {"name": f"{NAME} {CARD}", "email": ADDRESS},
    }
    return plain_ticket(**(typed | changes))


def _customer(office: Office, engine: Engine, stripe: StripeSimulator) -> None:
    office.world.tenant("acme", duplicated=600)
    paid = BooksAtStripe(stripe.client(STRIPE_KEY)).paid(430_00)
    with engine.begin() as books:
        books.execute(update(tenants).values(provider_customer_id=str(paid.customer)))
        books.execute(update(invoices).values(provider_invoice_id=paid.id))


async def _drive(traces: Traces, ticket: dict[str, Any]) -> None:
    caller, case, mail = traces.caller, traces.case, traces.mail
    good = {answer: mail.answers[answer] for answer in ("AUTH", "RCPT")}
    mail.answers |= {"AUTH": f"535 no {MAIL_PASSWORD}", "RCPT": f"451 {ADDRESS} is greylisted"}
    traces.stripe.control.fault(FaultKind.ERROR_AFTER_COMMIT, "/v1/credit_notes", attempts=(1,))

    await _is_turned_away(traces)
    with traces.office.clock.held():
        traces.answers.append(await caller.send_ticket(created(ticket), secret=WEBHOOK_SECRET))
    await case.rests()
    mail.answers["AUTH"] = good["AUTH"]
    await case.hours(0.1)
    mail.answers["RCPT"] = good["RCPT"]
    await case.hours(0.1)

    await _is_asked_and_answers(traces, ticket["ticket_id"])
    await _is_decided(traces)
    await case.hours(2)


async def _is_turned_away(traces: Traces) -> None:
    wrong = [
        {"claimed_amount": f"{CARD} dollars"},
        {"requester": {"name": NAME, "email": f"{CARD}"}},
        {"tenant_id": CARD},
        {"ticket_id": CARD.replace(" ", "")},
    ]
    traces.answers.append(await traces.caller.send_ticket(created(_ticket()), secret="guessed"))
    traces.answers += [
        await traces.caller.send_ticket(created(_ticket(**change)), secret=WEBHOOK_SECRET) for change in wrong
    ]


async def _is_asked_and_answers(traces: Traces, ticket_id: str) -> None:
    path = f"/cases/{case_id(ticket_id)}/ask"
    question = {"text": f"{QUESTION}: is {CARD} yours?"}
    traces.answers.append(await traces.caller.asks("agent-1", "POST", path, json=question))
    await traces.case.hours(1)
    written = await traces.case.office.clock.now(traces.case.handle)
    reply = {"reply_id": "r-1", "text": f"{WORDS}: {CARD} is ours", "received_at": written.isoformat()}
    replied = {"event": "replied", "ticket_id": ticket_id, "reply": reply}
    traces.answers.append(await traces.caller.send_ticket(replied, secret=WEBHOOK_SECRET))
    await traces.case.hours(1)


async def _is_decided(traces: Traces) -> None:
    pending = (await traces.case.story()).approval
    assert pending is not None, "nothing waits for approval"
    for person in ("agent-1", "lead-1"):  # the first has too little authority
        path, reason = f"/approvals/{pending.approval_id}/approve", {"reason": f"{WORDS} {CARD}"}
        traces.answers.append(await traces.caller.asks(person, "POST", path, json=reason))


async def breaks(traces: Traces, patched: pytest.MonkeyPatch) -> None:
    """Have the console stumble over a defect of its own while an operator asks for something."""
    patched.setattr(traces.caller.desk.books.approvals, "pending", _broken)
    traces.answers.append(await traces.caller.asks("lead-1", "GET", "/approvals"))


def _broken() -> None:
    """Fail with an address in the words and a letter in the variables."""
    letter = f"{WORDS} {CARD}"
    raise RuntimeError(
        f"{len(letter)} characters from {ADDRESS} were not expected at postgresql://u:{DATABASE_PASSWORD}@h/d"
    )
