"""What is asked of Stripe for an issued document: amounts and no prices, days, words, marks, and nothing it may mail."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.ports import Wire
from activities.push_ports import DocumentToPush
from adapters.stripe import invoice_wires
from billing.failures import BillingFailure, FailureCode
from billing.policy.standard import INVOICE_PUSH
from tests.adapters.stripe.documents import ISSUED, a_document, a_line, its_effect


def wire(document: DocumentToPush, **effect: Any) -> Wire:
    return invoice_wires.invoice(its_effect(document, **effect), document, INVOICE_PUSH)


@pytest.mark.parametrize("currency", ["USD", "JPY", "KWD"])
def test_a_line_carries_its_amount_in_minor_units_and_never_a_price(currency: str) -> None:
    [line] = wire(a_document(1_234, currency=currency)).params["lines"]

    assert line["amount"] == 1_234
    assert not {"quantity", "price_data", "pricing", "unit_amount"} & line.keys()


def test_the_draft_is_ours_to_finalise_and_to_mail() -> None:
    draft = wire(a_document(5_00)).params["draft"]

    assert draft["auto_advance"] is False
    assert draft["pending_invoice_items_behavior"] == "exclude"
    assert (draft["currency"], draft["number"]) == ("usd", "INV-2026-acme")
    assert draft["effective_at"] == int(ISSUED.timestamp())


def test_the_draft_carries_what_finds_it_again() -> None:
    draft = wire(a_document(5_00)).params["draft"]

    assert draft["metadata"] == {
        "op_key": "month-end/2026-10/invoice/acme",
        "invoice_id": "inv-2026-10-acme",
        "number": "INV-2026-acme",
        "period": "2026-10",
        "tenant_id": "acme",
    }


@pytest.mark.parametrize(
    ("automatically", "asked"),
    [
        (True, {"collection_method": "charge_automatically"}),
        (False, {"collection_method": "send_invoice", "days_until_due": INVOICE_PUSH.days_until_due}),
    ],
)
def test_who_pays_on_receipt_is_given_days_to_pay(automatically: bool, asked: dict[str, Any]) -> None:
    draft = wire(a_document(5_00, charged_automatically=automatically)).params["draft"]

    assert {name: value for name, value in draft.items() if name in ("collection_method", "days_until_due")} == asked


def test_a_period_shows_its_first_and_its_last_day() -> None:
    october, timeless = wire(a_document(2, lines=(a_line(1, 1), a_line(2, 1, first=None, end=None)))).params["lines"]

    days = {name: datetime.fromtimestamp(moment, UTC) for name, moment in october["period"].items()}
    assert days == {"start": datetime(2026, 10, 1, tzinfo=UTC), "end": datetime(2026, 10, 31, tzinfo=UTC)}
    assert "period" not in timeless


def test_words_are_cut_to_what_stripe_takes() -> None:
    [line] = wire(a_document(1, lines=(a_line(1, 1, description="word " * 300),))).params["lines"]

    assert len(line["description"]) <= 500
    assert line["description"].endswith("…")


@given(amounts=st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=400))
def test_however_many_lines_there_are_they_fit_and_come_to_the_total(amounts: list[int]) -> None:
    lines = wire(a_document(*amounts)).params["lines"]

    assert len(lines) <= invoice_wires.LINES_MAX
    assert sum(line["amount"] for line in lines) == sum(amounts)
    assert len({line["metadata"]["line"] for line in lines}) == len(lines)


def test_what_does_not_fit_is_one_line_that_names_the_document() -> None:
    lines = wire(a_document(*[1] * 260)).params["lines"]

    assert lines[-1]["description"] == "11 further lines, each on invoice INV-2026-acme"
    assert lines[-1]["amount"] == 11


def test_only_a_later_generation_looks_for_what_was_left_behind() -> None:
    assert wire(a_document(1)).params["look_first"] is False
    assert wire(a_document(1), generation=2).params["look_first"] is True


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"total_minor": 6_00, "due_minor": 6_00}, "total_minor, due_minor"),
        ({"due_minor": 4_00}, "due_minor"),
        ({"currency": "EUR"}, "currency"),
        ({"lines": (a_line(1, 4_99),)}, "lines"),
    ],
)
def test_a_document_that_is_not_what_was_finalised_is_not_pushed(changes: dict[str, Any], named: str) -> None:
    issued = a_document(5_00)

    with pytest.raises(BillingFailure, match=f"{named} differ") as failure:
        invoice_wires.invoice(its_effect(issued), issued.model_copy(update=changes), INVOICE_PUSH)

    assert failure.value.code is FailureCode.INVALID


def test_a_tenant_unknown_to_stripe_is_told_what_to_do() -> None:
    with pytest.raises(BillingFailure, match="acme has no provider_customer_id: link it") as failure:
        wire(a_document(1, provider_customer_id=None))

    assert failure.value.code is FailureCode.INVALID


def test_a_change_keeps_its_reason_and_its_mark() -> None:
    change = invoice_wires.change(invoice_wires.VOID, "in_2", "reconciliation/r-1/void/in_2", "made twice " * 100)

    metadata = change.params["metadata"]
    assert change.params["invoice"] == "in_2"
    assert metadata["void_invoice_op_key"] == "reconciliation/r-1/void/in_2"
    assert metadata["reason"].startswith("made twice")
    assert len(metadata["reason"]) <= 400
