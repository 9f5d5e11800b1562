"""The mirror of receivables and the attempts in memory, over the invoices of a fake collector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from activities.payment_ports import CollectibleInvoice
from activities.payment_results import result_of_row
from billing.failures import BillingFailure, FailureCode
from billing.payment_collection import COLLECTION, DueInvoice
from billing.payments import AttemptOrder, AttemptResult, AttemptRow, Origin, Outcome, Receivable
from tests.fakes.collector import FakeCollector
from tests.fakes.effects import FakeEffects

_NOTHING_SENT = frozenset({Outcome.HELD, Outcome.NOTHING_DUE, Outcome.BELOW_MINIMUM})


@dataclass
class FakeReceivables:
    """Satisfies `ReceivablesBook`; `disputed` holds the invoices that customers contest."""

    collector: FakeCollector
    mirror: dict[str, Receivable] = field(default_factory=dict)
    rows: dict[str, AttemptRow] = field(default_factory=dict)
    disputed: set[str] = field(default_factory=set)
    chasers: dict[str, str] = field(default_factory=dict)
    effects: FakeEffects = field(default_factory=FakeEffects)

    def __post_init__(self) -> None:
        self.effects.attempts = self.rows

    def collectible(self, invoice_ids: Sequence[str]) -> tuple[CollectibleInvoice, ...]:
        return tuple(self._collectible(one) for one in sorted(invoice_ids) if one in self.collector.billed)

    def named(self, name: str) -> CollectibleInvoice | None:
        called = [
            one.invoice
            for one in self.collector.billed.values()
            if name in (one.invoice.invoice_id, one.invoice.number)
        ]
        return self._collectible(called[0].invoice_id) if called else None

    def unsettled(self, tenant_id: str) -> tuple[str, ...]:
        of_tenant = [one.invoice for one in self.collector.billed.values() if one.invoice.tenant_id == tenant_id]
        return tuple(sorted(one.invoice_id for one in of_tenant if self._may_be_owed(one.invoice_id)))

    def due(self, after: str, limit: int, now: datetime) -> tuple[DueInvoice, ...]:
        found = [
            DueInvoice(
                invoice_id=one,
                tenant_id=billed.invoice.tenant_id,
                charged=billed.automatic,
                unknown_since=next((row.began_at for row in self._of(one) if row.ended_at is None), None),
            )
            for one, billed in sorted(self.collector.billed.items())
            if one > after and self._is_due(one, automatic=billed.automatic)
        ]
        return tuple(found[:limit])

    def keep(self, receivables: Sequence[Receivable]) -> None:
        for one in receivables:
            known = self.mirror.get(one.invoice_id)
            if known is None or known.read_at <= one.read_at:
                self.mirror[one.invoice_id] = one

    def of_tenant(self, tenant_id: str) -> tuple[Receivable, ...]:
        mine = [one for one in self.mirror.values() if one.tenant_id == tenant_id]
        return tuple(sorted(mine, key=lambda one: one.invoice_id))

    def find(self, invoice_id: str) -> Receivable | None:
        return self.mirror.get(invoice_id)

    def begin(self, order: AttemptOrder, now: datetime) -> AttemptRow | None:
        own = self.rows.get(order.op_key)
        anew = own is None or (own.ended_at is not None and own.outcome in _NOTHING_SENT)
        if not anew:
            assert own is not None
            if own.case_id != order.case_id:
                raise BillingFailure(FailureCode.CONFLICT, f"{order.op_key} was made by {own.case_id}")
            return None
        under_way = [row for row in self._of(order.invoice_id) if row.ended_at is None]
        if under_way:
            return under_way[0]
        self.rows[order.op_key] = AttemptRow(op_key=order.op_key, began_at=now, **order.model_dump())
        return None

    def end(self, op_key: str, result: AttemptResult, now: datetime) -> AttemptResult:
        row = self.rows.get(op_key)
        if row is None:
            raise BillingFailure(FailureCode.NOT_FOUND, f"there is no attempt {op_key}")
        if row.ended_at is not None:
            return result_of_row(row)
        known = result.outcome is not Outcome.UNKNOWN
        ended = {
            "ended_at": now if known else None,
            **{name: getattr(result, name) for name in type(result).model_fields},
        }
        self.rows[op_key] = row.model_copy(update=ended)
        return result

    def give_up(self, op_key: str, result: AttemptResult, now: datetime) -> AttemptResult | None:
        effect = self.effects.rows.get(op_key)
        return self.end(op_key, result, now) if effect is None or effect.wire is None else None

    def attempt(self, op_key: str) -> AttemptRow | None:
        return self.rows.get(op_key)

    def requested(self, invoice_id: str, request_key: str) -> AttemptRow | None:
        return next((row for row in self._of(invoice_id) if row.request_key == request_key), None)

    def attempts(self, invoice_id: str) -> tuple[AttemptRow, ...]:
        return tuple(sorted(self._of(invoice_id), key=lambda row: (row.began_at, row.op_key)))

    def tried(self, invoice_id: str) -> dict[Origin, int]:
        counted: dict[Origin, int] = {}
        for row in self._of(invoice_id):
            if row.outcome not in _NOTHING_SENT:
                counted[row.origin] = max(counted.get(row.origin, 0), row.number)
        return counted

    def chased_by(self, invoice_id: str, workflow_id: str, *, if_nobody: bool = False) -> None:
        if not (if_nobody and invoice_id in self.chasers):
            self.chasers[invoice_id] = workflow_id

    def chased_no_more(self, invoice_id: str, workflow_id: str) -> None:
        if self.chasers.get(invoice_id) == workflow_id:
            del self.chasers[invoice_id]

    def chaser_of(self, invoice_id: str) -> str | None:
        return self.chasers.get(invoice_id)

    def _is_due(self, invoice_id: str, *, automatic: bool) -> bool:
        known = self.mirror.get(invoice_id)
        owed = known is None or (bool(known.remaining) and not known.too_small and invoice_id not in self.chasers)
        tried = [row for row in self._of(invoice_id) if row.outcome not in _NOTHING_SENT]
        own = all(row.ended_at is None and row.case_id == COLLECTION for row in tried)
        return owed and (own if automatic else known is None or known.overdue_since is None)

    def _of(self, invoice_id: str) -> list[AttemptRow]:
        return [row for row in self.rows.values() if row.invoice_id == invoice_id]

    def _may_be_owed(self, invoice_id: str) -> bool:
        known = self.mirror.get(invoice_id)
        return known is None or bool(known.remaining) or known.charged_back

    def _collectible(self, invoice_id: str) -> CollectibleInvoice:
        in_vain = [row.ended_at for row in self._of(invoice_id) if row.outcome is Outcome.DECLINED and row.ended_at]
        facts = {"disputed": invoice_id in self.disputed, "tried_in_vain_at": min(in_vain, default=None)}
        return self.collector.billed[invoice_id].invoice.model_copy(update=facts)
