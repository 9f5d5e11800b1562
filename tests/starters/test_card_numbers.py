"""Whoever speaks to a case, and by whatever way: a card number in their words does not arrive."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from adapters.operator_keys import public_key_of, verify
from billing.authority import Role
from billing.cases import (
    CustomerReply,
    DeEscalation,
    Judgement,
    Opening,
    PendingApproval,
    Question,
    Reopening,
    TryAgain,
    Verdict,
    Withdrawal,
)
from billing.disputes import Resolution, Ticket, case_id
from billing.money import Money
from starters import disputes
from starters.card_numbers import without_card_numbers
from starters.decisions import signed
from tests.starters.desk import CaseDesk, ticket

CARD = "4111 1111 1111 1111"
WORDS = f"they paid with {CARD}"
NOW = datetime.now(UTC)

MESSAGES = (
    Question(by="agent-1", text=WORDS),
    CustomerReply(reply_id="r-1", text=WORDS, received_at=NOW),
    Withdrawal(by="agent-1", reason=WORDS),
    Judgement(by="lead-1", resolution=Resolution.PARTIAL, amount=Money.of("1.00", "USD"), reason=WORDS),
    DeEscalation(by="lead-1", reason=WORDS),
    TryAgain(by="lead-1", reason=WORDS),
    Reopening(by="agent-1", reason=WORDS, opened_at=NOW),
)
# Where people write in their own words.
WRITTEN = {"text", "reason"}


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_every_message_to_a_case_loses_card_numbers_and_keeps_the_rest(message: object) -> None:
    harmless = without_card_numbers(message)

    told = harmless.model_dump()
    typed = WRITTEN & told.keys()
    assert [told[name] for name in typed] == ["they paid with [card number removed]"]
    assert {name: told[name] for name in told.keys() - typed} == message.model_dump(exclude=typed)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_text_full_of_card_numbers_still_fits_its_field(message: object) -> None:
    (field,) = WRITTEN & message.model_dump().keys()
    full = message.model_copy(update={field: " ".join([CARD.replace(" ", "")] * 117)})

    harmless = without_card_numbers(full)

    assert type(message).model_validate(harmless.model_dump()) == harmless


def test_a_ticket_loses_them_wherever_somebody_wrote_and_keeps_the_rest() -> None:
    plain = {
        "subject": f"card {CARD}",
        "description": WORDS,
        "requester": {"name": f"Accounts {CARD}", "email": "accounts@acme.example"},
        "evidence": [
            {"name": f"{CARD}.png", "link": f"https://files.acme.example/{CARD.replace(' ', '-')}.png"},
            {"name": "calls.csv", "sha256": "0" * 64, "link": "https://files.acme.example/calls.csv"},
        ],
    }
    opened = ticket(**plain)

    harmless = without_card_numbers(Opening(ticket=opened)).ticket

    removed = "[card number removed]"
    assert (harmless.subject, harmless.description) == (f"card {removed}", f"they paid with {removed}")
    assert harmless.requester.name == f"Accounts {removed}"
    assert harmless.evidence[0].name == f"{removed}.png"
    assert harmless.evidence[0].link == "https://files.acme.example/%5Bcard%20number%20removed%5D.png"
    assert harmless.evidence[1] == opened.evidence[1]
    kept = {"exclude": {"subject", "description", "requester", "evidence"}}
    assert harmless.model_dump(**kept) == opened.model_dump(**kept)
    assert without_card_numbers(harmless) == harmless


def test_full_fields_of_a_ticket_still_fit_it() -> None:
    number = CARD.replace(" ", "")
    opened = ticket(
        subject=f"{number} " * 17,
        description=f"{number} " * 1_176,
        evidence=[{"name": f"{number} " * 17, "link": f"https://a.example/{f'{number}/' * 116}"}],
    )

    harmless = without_card_numbers(opened)

    assert Ticket.model_validate(harmless.model_dump()) == harmless


def test_who_withdraws_is_told_without_them_too() -> None:
    withdrawal = without_card_numbers(Withdrawal(by=f"the holder of {CARD}"))

    assert withdrawal.by == "the holder of [card number removed]"


async def test_a_case_hears_none_of_them(desk: CaseDesk) -> None:
    opening = Opening(ticket=ticket(description=WORDS))
    case = case_id(opening.ticket.ticket_id)
    again = Opening(ticket=opening.ticket, reopening=Reopening(by="agent-1", reason=WORDS, opened_at=NOW))
    queue = desk.settings.task_queue

    await disputes.open_dispute(desk.client, opening, task_queue=queue)
    await disputes.ask_customer(desk.client, case, Question(by="agent-1", text=WORDS))
    await disputes.reply(desk.client, case, CustomerReply(reply_id="r-1", text=WORDS, received_at=NOW))
    await disputes.try_again(desk.client, case, TryAgain(by="lead-1", reason=WORDS))
    await disputes.withdraw(desk.client, case, Withdrawal(by="agent-1", reason=WORDS))
    first = await desk.timeline(opening.ticket.ticket_id)
    await desk.client.get_workflow_handle(case).result()
    await disputes.open_dispute(desk.client, again, task_queue=queue)
    second = await desk.timeline(opening.ticket.ticket_id)

    assert [line.count("[card number removed]") for line in (*first, second[0])] == [1] * 5 + [2]
    assert CARD not in f"{first}{second}"


def test_the_reason_of_a_decision_is_signed_without_them(desk: CaseDesk) -> None:
    token = desk.tokens["lead-1"]
    question = PendingApproval(
        approval_id="dispute/T-1/credit/r1.1/a1",
        case_id="dispute/T-1",
        tenant_id="acme",
        role=Role.LEAD,
        amount=Money.of("12.00", "USD"),
        question="Credit USD 12.00?",
        request_sha256="0" * 64,
        requested_by="dispute",
        asked_at=NOW,
        expires_at=NOW,
    )

    decision = signed(question, Verdict.REJECT, WORDS, token, NOW)

    assert decision.reason == "they paid with [card number removed]"
    assert verify(decision, public_key_of(token))
