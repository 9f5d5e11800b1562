"""The provider's side of issued documents, in memory: idempotent by key like the real one, and failing on request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from activities.ports import ProviderAnswer, Wire
from activities.push_ports import DocumentToPush
from activities.reconciliation_ports import InvoicePage
from billing.effects import Effect
from billing.failures import BillingFailure, FailureCode
from billing.reconciliation import Theirs


@dataclass
class FakeInvoicing:
    """Satisfies InvoiceProvider. `documents` holds what came about, total in minor units by our number; a tenant in
    `refused`, or an invoice that is to be voided, is refused with the reason given there. `listed` is what a reconciliation
    reads, `voided` the reasons by invoice."""

    documents: dict[str, int] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    listed: list[Theirs] = field(default_factory=list)
    voided: dict[str, str] = field(default_factory=dict)
    paid_elsewhere: list[str] = field(default_factory=list)
    _answered: dict[str, ProviderAnswer] = field(default_factory=dict)

    def plan(self, effect: Effect, document: DocumentToPush) -> Wire:
        params: dict[str, Any] = {
            "number": document.number,
            "tenant_id": document.tenant_id,
            "total_minor": document.total_minor,
            "op_key": effect.op_key,
        }
        return Wire(call="invoice", params=params)

    def pages(self, period: str, after: str | None) -> Iterator[InvoicePage]:
        """Everything in one page, as `listed` has it."""
        if self.listed and after is None:
            yield InvoicePage(invoices=tuple(self.listed), held=len(self.listed), cursor="last")

    def plan_void(self, provider_invoice_id: str, op_key: str, reason: str) -> Wire:
        return Wire(call="void", params={"invoice": provider_invoice_id, "op_key": op_key, "reason": reason})

    def plan_write_off(self, provider_invoice_id: str, op_key: str, reason: str) -> Wire:
        return Wire(call="write_off", params={"invoice": provider_invoice_id, "op_key": op_key, "reason": reason})

    def plan_paid_elsewhere(self, provider_invoice_id: str, op_key: str, reason: str) -> Wire:
        return Wire(call="paid_elsewhere", params={"invoice": provider_invoice_id, "op_key": op_key, "reason": reason})

    def send(self, wire: Wire, idempotency_key: str) -> ProviderAnswer:
        if idempotency_key in self._answered:
            return self._answered[idempotency_key]
        if why := self.refused.get(str(wire.params.get("tenant_id"))):
            raise BillingFailure(FailureCode.PROVIDER_REFUSED, why)
        if wire.call == "void":
            return self._voided(wire)
        if wire.call == "paid_elsewhere":
            self.paid_elsewhere.append(str(wire.params["invoice"]))
            return self._answered.setdefault(idempotency_key, ProviderAnswer(provider_id=str(wire.params["invoice"])))
        number = str(wire.params["number"])
        assert number not in self.documents, f"{number} reached the provider twice"
        self.documents[number] = int(wire.params["total_minor"])
        answer = ProviderAnswer(provider_id=f"in_{wire.params['tenant_id']}_{number}")
        self._answered[idempotency_key] = answer
        return answer

    def find(self, wire: Wire, op_key: str) -> ProviderAnswer | None:
        if wire.call == "void":
            known = wire.params["invoice"] in self.voided
            return ProviderAnswer(provider_id=wire.params["invoice"]) if known else None
        number = wire.params.get("number")
        if number not in self.documents:
            return None
        return ProviderAnswer(provider_id=f"in_{wire.params['tenant_id']}_{number}")

    def _voided(self, wire: Wire) -> ProviderAnswer:
        invoice = str(wire.params["invoice"])
        if why := self.refused.get(invoice):
            raise BillingFailure(FailureCode.PROVIDER_REFUSED, why)
        assert invoice not in self.voided, f"{invoice} was voided twice"
        self.voided[invoice] = str(wire.params["reason"])
        return ProviderAnswer(provider_id=invoice)
