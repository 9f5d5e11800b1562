"""Customers and their contracts, written by people: each change under the customer's lock, with who made it and why."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Date, Engine, Row, cast, func, insert, select, update

from adapters.postgres.engine import transaction
from adapters.postgres.tables import account_changes, contracts, invoices, legal_entities, tenants
from adapters.postgres.tenants import contracts_of, record_contracts, refuse_unknown_meters
from billing.accounts import (
    AccountChange,
    Agreement,
    Customer,
    CustomerChange,
    Subject,
    contract_id,
    refuse_billed_days,
    refuse_other_currency,
    room_until,
)
from billing.contracts import Contract
from billing.failures import BillingFailure, FailureCode
from billing.invoices import InvoiceStatus
from billing.periods import local_midnight


class Accounts:
    """Who is billed, and by which terms. Every method raises NOT_FOUND for a customer that is not in the books."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def customers(self, after: str, limit: int) -> list[Customer]:
        """By id, beyond `after`."""
        page = select(tenants).where(tenants.c.tenant_id > after).order_by(tenants.c.tenant_id).limit(limit)
        with transaction(self._engine) as connection:
            return [Customer.model_validate(row._asdict()) for row in connection.execute(page)]

    def customer(self, tenant_id: str) -> Customer:
        """Whoever has this id."""
        with transaction(self._engine) as connection:
            return Customer.model_validate(_row(connection, tenant_id)._asdict())

    def contracts(self, tenant_id: str) -> tuple[Contract, ...]:
        """Every contract of the customer, the oldest first."""
        with transaction(self._engine) as connection:
            _row(connection, tenant_id)
            return contracts_of(connection, tenant_id)

    def history(self, tenant_id: str, limit: int) -> list[AccountChange]:
        """The latest changes, the newest first."""
        latest = (
            select(account_changes)
            .where(account_changes.c.tenant_id == tenant_id)
            .order_by(account_changes.c.change_id.desc())
            .limit(limit)
        )
        with transaction(self._engine) as connection:
            _row(connection, tenant_id)
            return [AccountChange.model_validate(row._asdict()) for row in connection.execute(latest)]

    def add(self, customer: Customer, by: str, reason: str, now: datetime) -> None:
        """Raises CONFLICT when there is a customer of this id, or another one with its id at the provider."""
        with transaction(self._engine) as connection:
            _refuse_unknown_entity(connection, customer.legal_entity_id)
            if _found(connection, customer.tenant_id):
                raise BillingFailure(FailureCode.CONFLICT, f"customer {customer.tenant_id} is in the books already")
            _refuse_shared_provider_id(connection, customer.tenant_id, customer.provider_customer_id)
            connection.execute(insert(tenants).values(customer.model_dump()))
            _note(connection, AccountChange(
                at=now, by=by, tenant_id=customer.tenant_id, subject=Subject.CUSTOMER, name=customer.tenant_id,
                reason=reason, before=None, after=customer.model_dump(mode="json"),
            ))  # fmt: skip

    def change(self, tenant_id: str, change: CustomerChange, by: str, reason: str, now: datetime) -> AccountChange:
        """Write the new values; what reads the same already is left out, and INVALID is raised when nothing is new."""
        with transaction(self._engine) as connection:
            row = _row(connection, tenant_id, lock=True)._mapping
            _refuse_unknown_entity(connection, change.legal_entity_id)
            _refuse_shared_provider_id(connection, tenant_id, change.provider_customer_id)
            new = {name: value for name, value in change.values().items() if row[name] != value}
            if not new:
                raise BillingFailure(
                    FailureCode.INVALID, f"customer {tenant_id} reads like that already: nothing to change"
                )
            made = AccountChange(
                at=now,
                by=by,
                tenant_id=tenant_id,
                subject=Subject.CUSTOMER,
                name=tenant_id,
                reason=reason,
                before={name: row[name] for name in new},
                after=new,
            )
            connection.execute(update(tenants).where(tenants.c.tenant_id == tenant_id).values(new))
            _note(connection, made)
            return made

    def agree(self, agreement: Agreement, by: str, reason: str, now: datetime) -> Contract:
        """Put terms on record from a local day on. What was in force ends there; the same day again replaces the terms.

        Raises CONFLICT for days that are billed already or belong to a later contract, INVALID for another currency or a
        meter that does not exist.
        """
        with transaction(self._engine) as connection:
            row = _row(connection, agreement.tenant_id, lock=True)
            refuse_other_currency(agreement, row.currency)
            refuse_billed_days(agreement.first, _billed_until(connection, agreement.tenant_id))
            starts = local_midnight(agreement.first, row.zone)
            known = contracts_of(connection, agreement.tenant_id)
            same = next((one for one in known if one.starts == starts), None)
            following = next((one for one in known if one.starts > starts), None)
            end = room_until(agreement, following, row.zone)
            agreed = Contract(
                contract_id=same.contract_id if same else contract_id(agreement.tenant_id, agreement.first),
                tenant_id=agreement.tenant_id,
                starts=starts,
                ends=local_midnight(end, row.zone) if end else None,
                terms=agreement.terms,
                pauses=same.pauses if same else (),
            )
            refuse_unknown_meters(connection, agreed)
            _end_earlier(connection, agreed)
            record_contracts(connection, [agreed])
            _note(connection, _change_of(agreed, same, by, reason, now))
            return agreed

    def end(self, tenant_id: str, on: date, by: str, reason: str, now: datetime) -> Contract:
        """Let the open contract end before the local day `on`; raises NOT_FOUND when none is open, CONFLICT for billed days."""
        with transaction(self._engine) as connection:
            row = _row(connection, tenant_id, lock=True)
            refuse_billed_days(on, _billed_until(connection, tenant_id))
            still_open = next((one for one in contracts_of(connection, tenant_id) if one.ends is None), None)
            if still_open is None:
                raise BillingFailure(FailureCode.NOT_FOUND, f"{tenant_id} has no contract without an end")
            ended = Contract.model_validate(still_open.model_dump() | {"ends": local_midnight(on, row.zone)})
            record_contracts(connection, [ended])
            _note(connection, _change_of(ended, still_open, by, reason, now))
            return ended


def _found(connection: Connection, tenant_id: str, *, lock: bool = False) -> Row[Any] | None:
    one = select(tenants).where(tenants.c.tenant_id == tenant_id)
    return connection.execute(one.with_for_update(key_share=True) if lock else one).one_or_none()


def _row(connection: Connection, tenant_id: str, *, lock: bool = False) -> Row[Any]:
    row = _found(connection, tenant_id, lock=lock)
    if row is None:
        raise BillingFailure(
            FailureCode.NOT_FOUND, f"there is no customer {tenant_id}: `runbooks customer list` names them"
        )
    return row


def _refuse_unknown_entity(connection: Connection, entity_id: str | None) -> None:
    known = list(connection.execute(select(legal_entities.c.entity_id).order_by(legal_entities.c.entity_id)).scalars())
    if entity_id is not None and entity_id not in known:
        raise BillingFailure(
            FailureCode.INVALID, f"legal entity {entity_id} is none of ours: choose {' or '.join(known) or 'none'}"
        )


def _refuse_shared_provider_id(connection: Connection, tenant_id: str, provider_customer_id: str | None) -> None:
    other = select(tenants.c.tenant_id).where(
        tenants.c.provider_customer_id == provider_customer_id, tenants.c.tenant_id != tenant_id
    )
    if provider_customer_id and (taken := connection.execute(other).scalar()):
        raise BillingFailure(
            FailureCode.CONFLICT, f"{provider_customer_id} at the payment provider is customer {taken} already"
        )


def _billed_until(connection: Connection, tenant_id: str) -> date | None:
    """The first local day that no invoice covers; drafts of a run that is under way count.

    A document that was taken over from another system may not say its days: it covers its calendar month.
    """
    month_end = cast(func.to_date(invoices.c.period, "YYYY-MM") + timedelta(days=31), Date)
    end = func.coalesce(invoices.c.service_end, cast(func.date_trunc("month", month_end), Date))
    covered = select(func.max(end)).where(
        invoices.c.tenant_id == tenant_id, invoices.c.status != InvoiceStatus.VOID.value
    )
    last: date | None = connection.execute(covered).scalar_one()
    return last


def _end_earlier(connection: Connection, agreed: Contract) -> None:
    """Whatever began earlier and would reach into the new terms ends where they begin."""
    reaching = (contracts.c.tenant_id == agreed.tenant_id) & (contracts.c.starts < agreed.starts)
    reaching &= contracts.c.ends.is_(None) | (contracts.c.ends > agreed.starts)
    connection.execute(update(contracts).where(reaching).values(ends=agreed.starts))


def _change_of(now_reads: Contract, before: Contract | None, by: str, reason: str, now: datetime) -> AccountChange:
    return AccountChange(
        at=now,
        by=by,
        tenant_id=now_reads.tenant_id,
        subject=Subject.CONTRACT,
        name=now_reads.contract_id,
        reason=reason,
        before=before and before.model_dump(mode="json"),
        after=now_reads.model_dump(mode="json"),
    )


def _note(connection: Connection, change: AccountChange) -> None:
    connection.execute(insert(account_changes).values(change.model_dump()))
