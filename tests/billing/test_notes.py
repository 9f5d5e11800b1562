"""The sentences of the story read like sentences, also where there is nothing to tell."""

from datetime import UTC, datetime

import pytest

from billing import notes
from billing.authority import RUNBOOK
from billing.cases import Judgement
from billing.corrections import CreditReceipt, Destination
from billing.disputes import Resolution
from billing.money import Money
from billing.proposals import Outcome


def usd(major: str) -> Money:
    return Money.of(major, "USD")


@pytest.mark.parametrize(
    ("findings", "conclusive", "credit", "sentence"),
    [
        (1, True, usd("48.00"), "1 finding, conclusive; USD 48.00 too much was billed"),
        (2, False, usd("48.00"), "2 findings, not conclusive; USD 48.00 too much was billed"),
        (1, True, usd("0.00"), "1 finding, conclusive; nothing is to be given back"),
        (0, True, Money.zero("JPY"), "nothing wrong was found"),
        (0, False, Money.zero("JPY"), "nothing was found that settles it"),
    ],
)
def test_what_an_analysis_came_to(findings: int, conclusive: bool, credit: Money, sentence: str) -> None:
    assert notes.found(findings, conclusive=conclusive, credit=credit) == sentence


@pytest.mark.parametrize(
    ("by", "resolution", "credit", "goodwill", "sentence"),
    [
        (
            RUNBOOK,
            Resolution.CUSTOMER_CORRECT,
            usd("48.00"),
            False,
            "the runbook proposes: the customer is right, USD 48.00 to give back",
        ),
        (
            RUNBOOK,
            Resolution.BILLING_CORRECT,
            usd("0.00"),
            False,
            "the runbook proposes: the bill is right, nothing to give back",
        ),
        (
            "agent-1",
            Resolution.PARTIAL,
            usd("8.00"),
            False,
            "agent-1 proposes: the customer is partly right, USD 8.00 to give back",
        ),
        (
            "agent-1",
            Resolution.BILLING_CORRECT,
            usd("25.00"),
            True,
            "agent-1 proposes: the bill is right, USD 25.00 as goodwill",
        ),
    ],
)
def test_what_is_proposed_and_by_whom(
    by: str, resolution: Resolution, credit: Money, goodwill: bool, sentence: str
) -> None:
    outcome = Outcome(
        resolution=resolution,
        credit=credit,
        goodwill=goodwill,
        requested_by=by,
        reason="The calls were theirs.",
        path=(),
        needs_person=None,
    )

    assert notes.proposed(outcome) == sentence


def test_what_a_person_judged_and_why() -> None:
    judgement = Judgement(by="lead-1", resolution=Resolution.PARTIAL, amount=usd("8.00"), reason="a fair part")

    assert notes.judged(judgement) == "lead-1 judged: the customer is partly right, USD 8.00 to give back; a fair part"


@pytest.mark.parametrize(
    ("destination", "number", "sentence"),
    [
        (Destination.CREDIT_NOTE, "CN-2026-000001", "credited USD 48.00 by credit note CN-2026-000001 (cn_1)"),
        (Destination.NEXT_INVOICE, None, "credited USD 48.00 off the next invoice (cn_1)"),
    ],
)
def test_what_was_credited_and_how(destination: Destination, number: str | None, sentence: str) -> None:
    receipt = CreditReceipt(
        credit_id="CR-1",
        amount=usd("48.00"),
        destination=destination,
        provider_id="cn_1",
        credit_note_number=number,
        booked_at=datetime(2026, 11, 21, tzinfo=UTC),
    )

    assert notes.credited(receipt) == sentence
