"""The plain way: one tenant after the other through an ORM, with the same prices and the same rows."""

from __future__ import annotations

from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import DeclarativeBase, Session

from adapters.postgres import tables
from adapters.postgres.billing_runs.drafts import digest_of
from adapters.postgres.billing_runs.parties import OF_TENANT, id_in_sql
from adapters.postgres.dictionaries import price_sha256
from benchmarks.month_end_world import NOW, PERIOD
from billing.contracts import Terms
from billing.corrections import sha256_of
from billing.invoicing import Bill, BilledLine, bill
from billing.month_end import case_id, invoice_op_key
from billing.periods import service_days
from billing.rate_cards import micro, plain
from billing.segments import Segment

DAYS = service_days(PERIOD)
PARTY = text(f"select {id_in_sql(OF_TENANT)} from tenants as tenant where tenant.tenant_id = :tenant_id")


class Base(DeclarativeBase):
    metadata = tables.metadata


class Contract(Base):
    __table__ = tables.contracts


class ContractTerms(Base):
    __table__ = tables.contract_terms


class Price(Base):
    __table__ = tables.prices


class Party(Base):
    __table__ = tables.parties


class Meter(Base):
    __table__ = tables.meters


class DailyUsage(Base):
    __table__ = tables.usage_daily


class Series(Base):
    __table__ = tables.number_series


class Invoice(Base):
    __table__ = tables.invoices


class Line(Base):
    __table__ = tables.invoice_lines


class Entry(Base):
    __table__ = tables.run_entries


class Effect(Base):
    __table__ = tables.effects


def bill_one_by_one(engine: Engine, run_id: str, tenants: list[str]) -> None:
    """Read, bill, write and commit each tenant by itself."""
    with Session(engine) as session:
        labels = {meter.meter: meter.description for meter in session.scalars(select(Meter))}
        price_ids = {price.sha256: price.price_id for price in session.scalars(select(Price))}
        issuer = session.scalars(select(Party.party_id).where(Party.party["name"].astext == "Main Inc")).one()
        session.add(Series(series="INV-2026", last=0))
        session.commit()
        for tenant_id in tenants:
            _bill(session, run_id, tenant_id, labels, price_ids, issuer)
            session.commit()


def _bill(
    session: Session, run_id: str, tenant_id: str, labels: dict[str, str], price_ids: dict[str, int], issuer: int
) -> None:
    contract = session.scalars(select(Contract).where(Contract.tenant_id == tenant_id)).one()
    terms = Terms.model_validate(session.get_one(ContractTerms, contract.terms_id).terms)
    used = session.execute(
        select(DailyUsage.meter, func.sum(DailyUsage.quantity))
        .where(DailyUsage.tenant_id == tenant_id, DailyUsage.day >= DAYS.first, DailyUsage.day < DAYS.end)
        .group_by(DailyUsage.meter)
    )
    usage = {meter: micro(quantity) for meter, quantity in used}
    made = bill((Segment(days=DAYS, active_days=DAYS.days, terms=terms),), DAYS, [usage], labels=labels)
    series = session.get_one(Series, "INV-2026", with_for_update=True)
    series.last += 1
    _write(session, run_id, tenant_id, made, f"INV-2026-{series.last:06d}", issuer, price_ids)


def _write(
    session: Session, run_id: str, tenant_id: str, made: Bill, number: str, issuer: int, price_ids: dict[str, int]
) -> None:
    invoice_id = f"inv-{PERIOD}-{tenant_id}"
    total = made.total_minor
    invoice = Invoice(
        invoice_id=invoice_id, number=number, tenant_id=tenant_id, period=PERIOD, status="open", currency=made.currency,
        total_minor=total, issued_at=NOW, run_id=run_id, legal_entity_id="main", service_start=DAYS.first,
        service_end=DAYS.end, billed_by=issuer, billed_to=session.scalar(PARTY, {"tenant_id": tenant_id}),
    )  # fmt: skip
    session.add(invoice)
    session.flush()
    for place, line in enumerate(made.lines, 1):
        session.add(_line(invoice_id, place, line, price_ids))
    session.add(
        Entry(
            run_id=run_id,
            tenant_id=tenant_id,
            outcome="rated",
            currency=made.currency,
            total_minor=total,
            lines=len(made.lines),
            invoice_id=invoice_id,
            digest=digest_of(made),
        )
    )
    request = {"invoice_id": invoice_id, "currency": made.currency, "total_minor": total, "due_minor": total}
    session.add(
        Effect(
            op_key=invoice_op_key(PERIOD, tenant_id),
            kind="invoice",
            case_id=case_id(PERIOD),
            tenant_id=tenant_id,
            state="intended",
            request=request,
            request_sha256=sha256_of(request),
            intended_at=NOW,
        )
    )


def _line(invoice_id: str, place: int, line: BilledLine, price_ids: dict[str, int]) -> Line:
    return Line(
        invoice_id=invoice_id,
        number=place,
        description=line.description,
        meter=line.meter,
        quantity=plain(line.quantity),
        amount_minor=line.amount_minor,
        kind=line.kind.value,
        price_id=price_ids[price_sha256(line.price)] if line.price else None,
        service_start=line.days.first if line.days else None,
        service_end=line.days.end if line.days else None,
        active_days=line.active_days,
        period_days=line.period_days,
        rate=line.rate,
    )
