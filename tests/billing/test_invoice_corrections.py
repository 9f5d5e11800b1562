"""What an order of a correction may say, and under which names it is filed."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from billing.invoice_corrections import DONE, CorrectionOrder, Deed, Ending, LineFix, StatusChange
from billing.money import Money
from billing.policy.credits import Payback
from tests.billing.world import usd


def order(deed: Deed = Deed.CREDIT, **differences: Any) -> CorrectionOrder:
    ordinary: dict[str, Any] = {
        "deed": deed,
        "invoice": "INV-2026-000042",
        "reason": "calls of our own monitoring were counted",
        "requested_by": "agent-1@ops.example",
        "occasion": "k-0a1b2c3d",
    }
    if deed is Deed.CREDIT and "lines" not in differences:
        ordinary["amount"] = usd("25.00")
    return CorrectionOrder(**(ordinary | differences))


def test_a_correction_is_filed_under_its_invoice_and_occasion() -> None:
    ordered = order()

    assert ordered.case_id == "correction/INV-2026-000042/k-0a1b2c3d"
    assert ordered.reference == "INV-2026-000042-k-0a1b2c3d"
    assert ordered.op_key(2) == "correction/INV-2026-000042/k-0a1b2c3d/credit/2"


@pytest.mark.parametrize(
    ("differences", "words"),
    [
        ({"amount": None}, "either the lines to correct or an amount"),
        (
            {"amount": usd("1.00"), "lines": (LineFix(line=1, amount_minor=0),)},
            "either the lines to correct or an amount",
        ),
        ({"amount": usd("0.00")}, "above zero"),
        ({"amount": usd("-3.00")}, "above zero"),
        ({"lines": (LineFix(line=3, amount_minor=1), LineFix(line=3, quantity=2))}, "line 3 is corrected twice"),
        ({"deed": Deed.VOID, "amount": usd("5.00")}, "amount: a void takes the whole invoice"),
        ({"deed": Deed.WRITE_OFF, "amount": None, "payback": Payback.REFUND}, "payback: a write-off takes the whole"),
        ({"invoice": "correction/../../x"}, "number as it is printed"),
        ({"invoice": "INV 1"}, "number as it is printed"),
        ({"reason": "x"}, "at least 3 characters"),
        ({"occasion": "K 1"}, "pattern"),
        ({"requested_by": "Somebody Else"}, "operator's id"),
    ],
)
def test_an_order_that_contradicts_itself_is_refused_in_words(differences: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        order(**differences)


@pytest.mark.parametrize("fix", [{"line": 1}, {"line": 1, "quantity": 2, "amount_minor": 3}])
def test_a_line_is_put_right_by_its_quantity_or_its_amount(fix: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="line 1: give either its correct quantity or its correct amount"):
        LineFix(**fix)


@pytest.mark.parametrize("fix", [{"line": 0, "amount_minor": 1}, {"line": 1, "quantity": -1}])
def test_there_is_no_line_zero_and_no_quantity_below_it(fix: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LineFix(**fix)


def test_every_deed_has_an_ending_of_its_own() -> None:
    endings = list(DONE.values())

    assert set(DONE) == set(Deed)
    assert sorted(endings) == sorted({Ending.CREDITED, Ending.VOIDED, Ending.WRITTEN_OFF})


def test_what_is_approved_changes_with_every_field_of_a_change() -> None:
    change = StatusChange(
        op_key="correction/INV-1/k-1/void/1",
        case_id="correction/INV-1/k-1",
        invoice_id="inv-1",
        number="INV-1",
        tenant_id="acme",
        period="2026-10",
        deed=Deed.VOID,
        amount=usd("10.00"),
        reason="made out to the wrong company",
        requested_by="finance-1@ops.example",
    )
    others = {
        "op_key": "another", "case_id": "another", "invoice_id": "another", "number": "another", "tenant_id": "another",
        "period": "2026-09", "deed": Deed.WRITE_OFF, "amount": Money.of("10.01", "USD"), "reason": "another",
        "requested_by": "another",
    }  # fmt: skip

    hashes = {change.model_copy(update={name: value}).sha256() for name, value in others.items()}

    assert set(others) == set(StatusChange.model_fields)
    assert len(hashes | {change.sha256()}) == len(others) + 1
