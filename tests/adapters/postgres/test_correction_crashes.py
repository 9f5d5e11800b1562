"""The process ends before or after any call of carrying out or closing a correction: done again, everything is there once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from billing.invoice_corrections import CorrectionReceipt, Deed
from billing.policy.credits import Payback
from tests.adapters.postgres.company import Company, invoice
from tests.adapters.postgres.correcting import Correcting, order, usd

# More than twice the calls on the way from an approved proposal to its record.
MOMENTS = 40
NIGHT = timedelta(hours=30)


class ProcessDiedError(Exception):
    """The process ended here."""


class Fate:
    """Ends the process at the moment that was chosen; every call has one before it and one after it."""

    def __init__(self, moment: int) -> None:
        self.left = moment

    def passes(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise ProcessDiedError


class Mortal:
    """A port whose every call the process may not survive."""

    def __init__(self, port: Any, fate: Fate) -> None:
        self._port, self._fate = port, fate

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._port, name)

        def call(*given: Any, **named: Any) -> Any:
            self._fate.passes()
            answer = method(*given, **named)
            self._fate.passes()
            return answer

        return call


WAYS: dict[str, dict[str, Any]] = {
    "credit note": {"deed": Deed.CREDIT, "amount": usd("40.00"), "payback": Payback.BALANCE},
    "refund": {"deed": Deed.CREDIT, "amount": usd("40.00"), "payback": Payback.REFUND},
    "next invoice": {"deed": Deed.CREDIT, "amount": usd("40.00"), "payback": Payback.NEXT_INVOICE},
    "void": {"deed": Deed.VOID},
    "write-off": {"deed": Deed.WRITE_OFF},
}


@pytest.mark.parametrize(
    ("way", "later"), [*((way, timedelta(0)) for way in WAYS), ("refund", NIGHT), ("void", NIGHT)], ids=str
)
def test_a_process_that_ends_anywhere_leaves_a_correction_done_once(
    company: Company, way: str, later: timedelta
) -> None:
    for moment in range(1, MOMENTS):
        correcting = Correcting(company)
        fate, number = Fate(moment), f"INV-{moment:06d}"
        provider_id = f"in_{moment}"
        _issue(company, moment, number, provider_id)
        if way == "refund":
            correcting.fake.amount_remaining[provider_id] = 0
        ordered = WAYS[way] | {"invoice": number, "occasion": f"k-{moment}"}
        op_key = correcting.ready(**ordered)

        survived = _carried_out_and_closed(correcting, op_key, fate, ordered)
        company.now += later
        if later:
            correcting.fake.forget_keys()
        receipt = _carried_out(correcting, op_key, ordered)

        assert len(correcting.fake.credits) + len(correcting.fake.changed) == 1
        booked = company.rows("select state, provider_id from effects where op_key = :key", key=op_key)
        assert booked == [{"state": "confirmed", "provider_id": receipt.provider_id}]
        assert len(company.rows("select * from credits where op_key = :key", key=op_key)) == (
            ordered["deed"] is Deed.CREDIT
        )
        assert len(company.rows("select * from decisions where line like :it", it=f"%INVOICE={number} |%")) == 1
        # Beyond the last call nothing dies any more, so every moment there is was among them.
        if survived:
            return
    pytest.fail(f"more than {MOMENTS} moments")


def _issue(company: Company, moment: int, number: str, provider_id: str) -> None:
    year, month = divmod(moment, 12)
    period = f"{2020 + year}-{month + 1:02}"
    company.invoices.issue(
        invoice(invoice_id=f"inv-{moment}", number=number, period=period, provider_invoice_id=provider_id)
    )


def _carried_out_and_closed(correcting: Correcting, op_key: str, fate: Fate, ordered: dict[str, Any]) -> bool:
    """Whether the process lived to see the end."""
    verbs, ports = correcting.verbs, ("book", "credits", "effects", "provider", "invoices")
    mortal: dict[str, Any] = {name: Mortal(getattr(verbs, name), fate) for name in ports}
    correcting.verbs = replace(verbs, **mortal)
    try:
        _carried_out(correcting, op_key, ordered)
    except ProcessDiedError:
        return False
    finally:
        correcting.verbs = verbs
    return True


def _carried_out(correcting: Correcting, op_key: str, ordered: dict[str, Any]) -> CorrectionReceipt:
    receipt = correcting.verbs.carry_out(op_key)
    correcting.verbs.close(correcting.closing(order(**ordered), receipt))
    return receipt
