"""Drafts as rows: written by COPY for a whole shard, and taken away again before anything was issued."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from adapters.postgres.billing_runs.copying import copy_rows
from adapters.postgres.billing_runs.late import Late, mark_billed
from adapters.postgres.billing_runs.rating import Judged
from adapters.postgres.billing_runs.register import Run
from billing.invoices import InvoiceStatus
from billing.invoicing import Bill
from billing.month_end import Outcome, invoice_id
from billing.parking import flags_of
from billing.prices import MeterPrice
from billing.rate_cards import MICRO, plain

_INVOICE = {
    "invoice_id": "text",
    "tenant_id": "text",
    "period": "text",
    "status": "text",
    "currency": "text",
    "total_minor": "int8",
    "run_id": "text",
    "legal_entity_id": "text",
    "service_start": "date",
    "service_end": "date",
}
_LINE = {
    "invoice_id": "text",
    "number": "int4",
    "description": "text",
    "meter": "text",
    "quantity": "numeric",
    "amount_minor": "int8",
    "kind": "text",
    "price_id": "int8",
    "service_start": "date",
    "service_end": "date",
    "active_days": "int2",
    "period_days": "int2",
    "rate": "numeric",
}
_ENTRY = {
    "run_id": "text",
    "tenant_id": "text",
    "outcome": "text",
    "reason": "text",
    "currency": "text",
    "total_minor": "int8",
    "lines": "int4",
    "invoice_id": "text",
    "digest": "text",
}
_FLAG = {"run_id": "text", "tenant_id": "text", "bound": "text", "detail": "text"}

# Whose document of the period is void, and how many were: nearly always nobody's.
_VOID = text("""
    select tenant_id, count(*) as voided from invoices
    where period = :period and kind = 'usage' and status = 'void' group by tenant_id
""")

# Locked first, so that nobody issues a document while its lines are taken away.
_LOCK = text("select invoice_id from invoices where invoice_id = any(:ids) and status = 'draft' order by 1 for update")
_DROP = tuple(
    text(statement)
    for statement in (
        "update late_usage set billed_on = null where billed_on = any(:ids)",
        "delete from invoice_lines where invoice_id = any(:ids)",
        "delete from invoices where invoice_id = any(:ids)",
    )
)


class PriceIds:
    """The dictionary's ids of the prices that a shard's bills were made with, found by the very object.

    Hashing a price looks at all of its tiers, which would cost more than rating with it.
    """

    def __init__(self, known: Iterable[tuple[MeterPrice, int]]) -> None:
        self._known = {id(price): (price_id, price) for price, price_id in known}

    def of(self, price: MeterPrice | None) -> int | None:
        """The id of a price that was given to this collection."""
        return None if price is None else self._known[id(price)][0]


def write_drafts(
    connection: Connection, run: Run, judged: Sequence[Judged], price_ids: PriceIds, late: Mapping[str, Late]
) -> int:
    """Drafts with their lines, an entry for every tenant, and the bounds that bills trip by themselves.

    Answers how many lines were written; a dry run writes none. `late` is the late usage that they were billed. Raises
    what `transaction` translates when another worker was here first (B2).
    """
    rated = [(one, one.bill) for one in judged if one.outcome is Outcome.RATED and one.bill is not None]
    names = _names(connection, run, [one for one, _ in rated])
    written = 0
    if not run.dry_run:
        lines = [line for one, bill in rated for line in _lines(names[one.account.tenant_id], bill, price_ids)]
        written = len(lines)
        copy_rows(connection, "invoices", _INVOICE, (_invoice(run, names, one, bill) for one, bill in rated))
        copy_rows(connection, "invoice_lines", _LINE, lines)
        mark_billed(connection, names, late)
    copy_rows(connection, "run_entries", _ENTRY, (_entry(run, names, one) for one in judged))
    flags = [flag for one, bill in rated for flag in flags_of(one.account.tenant_id, bill, run.policy)]
    if flags:
        flagged = ((run.run_id, flag.tenant_id, flag.bound.value, flag.detail) for flag in flags)
        copy_rows(connection, "run_flags", _FLAG, flagged)
    return written


def drop_drafts(connection: Connection, invoice_ids: Sequence[str]) -> int:
    """Take drafts away with their lines, and answer how many; what was issued meanwhile stays.

    The late usage on them is to be billed again.
    """
    locked = list(connection.execute(_LOCK, {"ids": list(invoice_ids)}).scalars()) if invoice_ids else []
    if locked:
        for statement in _DROP:
            connection.execute(statement, {"ids": locked})
    return len(locked)


def digest_of(bill: Bill) -> str:
    """The SHA-256 of everything a bill says: equal bills of two runs have equal digests."""
    said = [
        f"{line.kind}|{line.description}|{line.meter}|{line.quantity}|{line.amount_minor}|{line.rate}|{line.active_days}"
        for line in bill.lines
    ]
    return hashlib.sha256("\n".join([bill.currency, *said]).encode()).hexdigest()


def _names(connection: Connection, run: Run, rated: Sequence[Judged]) -> dict[str, str]:
    """The documents' ids by tenant, the same whoever makes them."""
    voided = {row.tenant_id: row.voided for row in connection.execute(_VOID, {"period": run.period})}
    tenants = (one.account.tenant_id for one in rated)
    return {tenant_id: invoice_id(run.period, tenant_id, 1 + voided.get(tenant_id, 0)) for tenant_id in tenants}


def _invoice(run: Run, names: Mapping[str, str], judged: Judged, bill: Bill) -> tuple[Any, ...]:
    account = judged.account
    return (
        names[account.tenant_id],
        account.tenant_id,
        run.period,
        InvoiceStatus.DRAFT.value,
        bill.currency,
        bill.total_minor,
        run.run_id,
        account.legal_entity_id,
        judged.days.first,
        judged.days.end,
    )


def _lines(invoice_id: str, bill: Bill, price_ids: PriceIds) -> Iterator[tuple[Any, ...]]:
    days, first, end = None, None, None
    for number, line in enumerate(bill.lines, 1):
        if line.days is not days:  # nearly always the same object, or none
            days = line.days
            first, end = (days.first, days.end) if days else (None, None)
        yield (
            invoice_id,
            number,
            line.description,
            line.meter,
            _units(line.quantity),
            line.amount_minor,
            line.kind,
            price_ids.of(line.price),
            first,
            end,
            line.active_days,
            line.period_days,
            line.rate,
        )


def _units(quantity: int) -> int | Decimal:
    """Millionths as units; whole ones stay integers, which are several times faster to make and to send."""
    whole, part = divmod(quantity, MICRO)
    return plain(quantity) if part else whole


def _entry(run: Run, names: Mapping[str, str], judged: Judged) -> tuple[Any, ...]:
    bill, rated = judged.bill, judged.outcome is Outcome.RATED
    return (
        run.run_id,
        judged.account.tenant_id,
        judged.outcome.value,
        judged.reason,
        bill and bill.currency,
        None if bill is None else bill.total_minor,
        None if bill is None else len(bill.lines),
        names[judged.account.tenant_id] if rated and not run.dry_run else None,
        digest_of(bill) if rated and bill else None,
    )
