"""Reconciliations as rows: what was read of the provider, page by page, and every difference found (P5)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from activities.reconciliation_ports import InvoicePage, Reading, ReconciliationRow
from adapters.postgres.engine import transaction
from adapters.postgres.reconciliation_sql import (
    COUNT_SUSPECTS,
    COUNTS,
    ENOUGH_MEMORY,
    MAKE_ROOM,
    MOVED,
    PROVIDER_HAS_MORE,
    RECORD_DIFFERENCES,
    SET_SUSPECTS_ASIDE,
)
from adapters.postgres.tables import billing_audit, billing_runs, provider_invoices, reconciliations
from billing import reconciliation_repairs as repairs
from billing.corrections import sha256_of
from billing.failures import BillingFailure, FailureCode
from billing.invoices import InvoiceStatus
from billing.money import Money
from billing.month_end import case_id as month_end_case
from billing.month_end import over_since
from billing.policy.reconciliation import ReconciliationPolicy
from billing.reconciliation import AHEAD, Difference
from billing.reconciliation_report import (
    CurrencyComparison,
    DifferenceCount,
    ListedDifference,
    ReconciliationReport,
)
from billing.reconciling import DuplicateInvoice, ReconciliationOrder

# What stands for a cursor once the list was read to its end.
_COMPLETE = "complete"
# So many differences are in a report; all of them are on record.
_WORST = 50

_BY_WEIGHT = (
    billing_audit.c.within_tolerance,
    func.abs(
        func.coalesce(billing_audit.c.provider_minor, 0) - func.coalesce(billing_audit.c.internal_minor, 0)
    ).desc(),
    billing_audit.c.audit_id,
)


class PostgresReconciliations:
    """Satisfies `ReconciliationBook`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def open(self, order: ReconciliationOrder, now: datetime, idempotency_key: str | None = None) -> ReconciliationRow:
        asked = sha256_of({"period": order.period})
        row = {
            "reconciliation_id": order.reconciliation_id,
            "period": order.period,
            "requested_by": order.requested_by,
            "idempotency_key": idempotency_key,
            "request_sha256": asked,
            "started_at": now,
        }
        with transaction(self._engine) as connection:
            connection.execute(upsert(reconciliations).values(row).on_conflict_do_nothing())
            same = (
                reconciliations.c.idempotency_key == idempotency_key
                if idempotency_key
                else reconciliations.c.reconciliation_id == order.reconciliation_id
            )
            kept = connection.execute(select(reconciliations).where(same)).mappings().one_or_none()
            if kept is None or kept["request_sha256"] != asked:
                raise BillingFailure(
                    FailureCode.CONFLICT,
                    f"this key stands for the reconciliation of {kept['period'] if kept else 'another request'} already: "
                    "use another key for another period",
                )
            return _row(kept)

    def month_end_works(self, period: str) -> bool:
        works = select(billing_runs.c.run_id).where(
            billing_runs.c.period == period, billing_runs.c.state == "working", billing_runs.c.dry_run.is_(False)
        )
        with transaction(self._engine) as connection:
            return connection.execute(works).first() is not None

    def reading(self, reconciliation_id: str) -> Reading:
        with transaction(self._engine) as connection:
            kept = _kept(connection, reconciliation_id)
        complete = kept["cursor"] == _COMPLETE
        return Reading(cursor=None if complete else kept["cursor"], read=kept["read"], complete=complete)

    def keep(self, reconciliation_id: str, page: InvoicePage | None) -> int:
        with transaction(self._engine) as connection:
            if page is not None and page.invoices:
                rows = [_provider_row(reconciliation_id, one) for one in page.invoices]
                connection.execute(upsert(provider_invoices).on_conflict_do_nothing(), rows)
            moved = (
                update(reconciliations)
                .where(reconciliations.c.reconciliation_id == reconciliation_id)
                .values(
                    cursor=page.cursor if page else _COMPLETE,
                    read=reconciliations.c.read + (page.held if page else 0),
                )
                .returning(reconciliations.c.read)
            )
            return int(connection.execute(moved).scalar_one())

    def compare(self, reconciliation_id: str, policy: ReconciliationPolicy) -> ReconciliationReport:
        with transaction(self._engine) as connection:
            kept = _kept(connection, reconciliation_id)
            asked = _asked(kept, policy)
            connection.execute(text(ENOUGH_MEMORY))
            these = {name: asked[name] for name in ("reconciliation_id", "period")}
            connection.execute(text(MAKE_ROOM))
            ours = connection.execute(text(SET_SUSPECTS_ASIDE), these).mappings().all()
            connection.execute(text(COUNT_SUSPECTS))
            connection.execute(text(RECORD_DIFFERENCES), asked)
            return _report(connection, kept, ours)

    def close(self, reconciliation_id: str, report: ReconciliationReport | None, now: datetime) -> None:
        this = reconciliations.c.reconciliation_id == reconciliation_id
        over = {"ended_at": now, "report": report.model_dump(mode="json") if report else {}}
        differs = select(billing_audit.c.provider_invoice_id).where(
            billing_audit.c.reconciliation_id == reconciliation_id, billing_audit.c.provider_invoice_id.is_not(None)
        )
        with transaction(self._engine) as connection:
            connection.execute(update(reconciliations).where(this, reconciliations.c.ended_at.is_(None)).values(over))
            connection.execute(
                delete(provider_invoices).where(
                    provider_invoices.c.reconciliation_id == reconciliation_id,
                    provider_invoices.c.provider_invoice_id.not_in(differs),
                )
            )

    def find(self, reconciliation_id: str) -> ReconciliationRow | None:
        one = select(reconciliations).where(reconciliations.c.reconciliation_id == reconciliation_id)
        with transaction(self._engine) as connection:
            kept = connection.execute(one).mappings().one_or_none()
        return _row(kept) if kept else None

    def newest(self, period: str | None, limit: int) -> tuple[ReconciliationRow, ...]:
        latest = select(reconciliations).order_by(reconciliations.c.started_at.desc()).limit(limit)
        if period is not None:
            latest = latest.where(reconciliations.c.period == period)
        with transaction(self._engine) as connection:
            return tuple(_row(kept) for kept in connection.execute(latest).mappings())

    def differences(self, reconciliation_id: str, after: int, limit: int) -> tuple[ListedDifference, ...]:
        with transaction(self._engine) as connection:
            return _listed(connection, reconciliation_id, after, limit)

    def duplicates(self, reconciliation_id: str) -> tuple[DuplicateInvoice, ...]:
        voidable = (
            select(billing_audit)
            .join(
                provider_invoices,
                (provider_invoices.c.reconciliation_id == billing_audit.c.reconciliation_id)
                & (provider_invoices.c.provider_invoice_id == billing_audit.c.provider_invoice_id),
            )
            .where(billing_audit.c.reconciliation_id == reconciliation_id)
            .where(billing_audit.c.difference == Difference.DUPLICATE.value)
            .where(provider_invoices.c.status != InvoiceStatus.PAID.value)
            .order_by(billing_audit.c.provider_invoice_id)
        )
        with transaction(self._engine) as connection:
            return tuple(_duplicate(row) for row in connection.execute(voidable).mappings())


def _kept(connection: Connection, reconciliation_id: str) -> RowMapping:
    one = select(reconciliations).where(reconciliations.c.reconciliation_id == reconciliation_id)
    kept = connection.execute(one).mappings().one_or_none()
    if kept is None:
        raise BillingFailure(FailureCode.NOT_FOUND, f"there is no reconciliation {reconciliation_id}")
    return kept


def _asked(kept: RowMapping, policy: ReconciliationPolicy) -> dict[str, Any]:
    """The statement's parameters: the period's bounds, the policy, and every repair in words."""
    over = over_since(kept["period"], "UTC")
    statuses = [
        {"ours": ours, "theirs": theirs, "repair": repair, "ahead": (ours, theirs) in AHEAD}
        for (ours, theirs), repair in repairs.STATUS_REPAIRS.items()
    ]
    copies = [{"theirs": theirs, "repair": repair} for theirs, repair in repairs.DUPLICATE_REPAIRS.items()]
    return {
        "reconciliation_id": kept["reconciliation_id"],
        "period": kept["period"],
        "started_at": kept["started_at"],
        "mark": f"{month_end_case(kept['period'])}/invoice/",
        "billed_from": over,
        "billed_until": (over + timedelta(days=32)).replace(day=1),
        "share": policy.share,
        "per_line": policy.minor_units_a_line,
        "status_repairs": json.dumps(statuses),
        "duplicate_repairs": json.dumps(copies),
        "currency_repair": repairs.CURRENCY_REPAIR,
        "due_repair": repairs.DUE_REPAIR,
        "too_much_repair": repairs.TOO_MUCH_REPAIR,
        "too_little_repair": repairs.TOO_LITTLE_REPAIR,
        "missing_at_provider_repair": repairs.MISSING_AT_PROVIDER_REPAIR,
        "missing_in_books_repair": repairs.MISSING_IN_BOOKS_REPAIR,
    }


def _report(connection: Connection, kept: RowMapping, ours: Sequence[RowMapping]) -> ReconciliationReport:
    """What was recorded, summed up; the suspects of this transaction are still there."""
    this = {"reconciliation_id": kept["reconciliation_id"]}
    counted = {row["difference"]: row for row in connection.execute(text(COUNTS), this).mappings()}
    moved = {row["currency"]: row for row in connection.execute(text(MOVED), this).mappings()}
    totals = _totals({row["currency"]: row for row in ours if row["documents"]}, moved)
    more = int(connection.execute(text(PROVIDER_HAS_MORE)).scalar_one())
    return ReconciliationReport(
        reconciliation_id=kept["reconciliation_id"],
        period=kept["period"],
        documents=sum(total.documents for total in totals),
        provider_invoices=sum(row["all_documents"] for row in ours) + more,
        counts=tuple(DifferenceCount(**counted[kind.value]) for kind in Difference if kind.value in counted),
        totals=totals,
        worst=_listed(connection, kept["reconciliation_id"], 0, _WORST, beyond_only=True),
    )


def _totals(ours: Mapping[str, RowMapping], moved: Mapping[str, RowMapping]) -> tuple[CurrencyComparison, ...]:
    """Our side by currency, and the provider's: ours moved by every difference."""
    compared = []
    for currency in sorted(ours.keys() | moved.keys()):
        internal = int(ours[currency]["internal_minor"]) if currency in ours else 0
        apart = moved.get(currency)
        compared.append(
            CurrencyComparison(
                currency=currency,
                documents=ours[currency]["documents"] if currency in ours else 0,
                internal_minor=internal,
                provider_minor=internal + (apart["by_minor"] if apart else 0),
                apart_minor=apart["apart_minor"] if apart else 0,
            )
        )
    return tuple(compared)


def _listed(
    connection: Connection, reconciliation_id: str, after: int, limit: int, *, beyond_only: bool = False
) -> tuple[ListedDifference, ...]:
    these = select(billing_audit).where(billing_audit.c.reconciliation_id == reconciliation_id)
    if beyond_only:
        these = these.where(billing_audit.c.within_tolerance.is_(False))
    rows = connection.execute(these.order_by(*_BY_WEIGHT).offset(after).limit(limit)).mappings()
    return tuple(_difference(row) for row in rows)


def _difference(row: Mapping[Any, Any]) -> ListedDifference:
    def money(column: str) -> Money | None:
        return None if row[column] is None else Money(minor=row[column], currency=row["currency"])

    plain = ("difference", "within_tolerance", "tenant_id", "invoice_id", "provider_invoice_id", "detail", "repair")
    return ListedDifference(
        **{name: row[name] for name in plain},
        internal=money("internal_minor"),
        provider=money("provider_minor"),
        tolerance=money("tolerance_minor"),
    )


def _duplicate(row: Mapping[Any, Any]) -> DuplicateInvoice:
    return DuplicateInvoice(
        provider_invoice_id=row["provider_invoice_id"],
        invoice_id=row["invoice_id"],
        tenant_id=row["tenant_id"],
        amount=Money(minor=row["provider_minor"], currency=row["currency"]),
    )


def _provider_row(reconciliation_id: str, invoice: Any) -> dict[str, Any]:
    names = [column.name for column in provider_invoices.columns if column.name != "reconciliation_id"]
    return {"reconciliation_id": reconciliation_id} | {name: getattr(invoice, name) for name in names}


def _row(kept: RowMapping) -> ReconciliationRow:
    period, _, occasion = kept["reconciliation_id"].partition("/")
    order = ReconciliationOrder(period=period, occasion=occasion, requested_by=kept["requested_by"])
    return ReconciliationRow(
        order=order,
        started_at=kept["started_at"],
        ended_at=kept["ended_at"],
        read=kept["read"],
        report=ReconciliationReport.model_validate(kept["report"]) if kept["report"] else None,
    )
