"""What the details of a recovery say in the Temporal UI, and in a terminal, once it is over."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from activities.delinquency_ports import DelinquencyRow
from billing.money import Money
from billing.recovery import Ending, RecoveryStory
from billing.rungs import Rung
from starters.cli.delinquency_view import show_case, show_list
from workflows.blocks.delinquency_story import as_markdown

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
LIMITED = RecoveryStory(
    case_id="delinquency/acme/1",
    tenant_id="acme",
    tier="pro",
    rung=Rung.RATE_LIMITED,
    owed=(Money(minor=31_000, currency="USD"),),
    next_step="new requests blocked",
    next_at=NOW,
)
PAID = LIMITED.model_copy(update={"owed": (), "next_step": "nothing", "next_at": None, "ending": Ending.RECOVERED})


def test_a_case_under_way_is_headed_by_its_rung_and_one_that_is_over_by_its_ending() -> None:
    heads = [as_markdown(story).splitlines()[0] for story in (LIMITED, PAID)]

    assert heads == ["## rate limited", "## recovered"]


def test_a_customer_who_has_paid_is_listed_on_no_rung(capsys: pytest.CaptureFixture[str]) -> None:
    row = DelinquencyRow(
        case_id=PAID.case_id, tenant_id="acme", episode=1, opened_at=NOW, story=PAID, ending=PAID.ending
    )

    show_list([row], NOW)
    show_case(PAID)

    said = capsys.readouterr().out
    assert "recovered" in said
    assert "rate limited" not in said
