"""The provider's side of issued documents, in memory: idempotent by key like the real one, and failing on request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from activities.ports import ProviderAnswer, Wire
from activities.push_ports import DocumentToPush
from billing.effects import Effect
from billing.failures import BillingFailure, FailureCode


@dataclass
class FakeInvoicing:
    """Satisfies InvoiceProvider. `documents` holds what came about, total in minor units by our number; a tenant in
    `refused` is refused, with the reason given there."""

    documents: dict[str, int] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    _answered: dict[str, ProviderAnswer] = field(default_factory=dict)

    def plan(self, effect: Effect, document: DocumentToPush) -> Wire:
        params: dict[str, Any] = {
            "number": document.number,
            "tenant_id": document.tenant_id,
            "total_minor": document.total_minor,
            "op_key": effect.op_key,
        }
        return Wire(call="invoice", params=params)

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
        number = str(wire.params["number"])
        assert number not in self.documents, f"{number} reached the provider twice"
        self.documents[number] = int(wire.params["total_minor"])
        answer = ProviderAnswer(provider_id=f"in_{wire.params['tenant_id']}_{number}")
        self._answered[idempotency_key] = answer
        return answer

    def find(self, wire: Wire, op_key: str) -> ProviderAnswer | None:
        number = wire.params.get("number")
        if number not in self.documents:
            return None
        return ProviderAnswer(provider_id=f"in_{wire.params['tenant_id']}_{number}")
