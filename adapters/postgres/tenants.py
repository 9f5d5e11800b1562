"""Tenants, their contracts and meters as rows, and the policy bundle a tenant may carry."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, or_, select
from sqlalchemy.dialects.postgresql import insert

from adapters.postgres.dictionaries import keep_terms
from adapters.postgres.engine import transaction
from adapters.postgres.tables import contract_terms, contracts, meters, tenant_policies, tenants
from billing.contracts import Contract
from billing.failures import BillingFailure, FailureCode
from billing.policy.bundle import Policy
from billing.tenants import Tenant

_CONTRACTS = select(contracts, contract_terms.c.terms).join(contract_terms)


class Tenants:
    """Satisfies `TenantDirectory`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find(self, tenant_id: str) -> Tenant | None:
        with transaction(self._engine) as connection:
            row = connection.execute(select(tenants).where(tenants.c.tenant_id == tenant_id)).mappings().one_or_none()
        return Tenant.model_validate(dict(row)) if row else None

    def contract(self, tenant_id: str, at: datetime) -> Contract | None:
        """The contract in force at a moment; where two overlap, the one that started later."""
        in_force = (
            _CONTRACTS.where(contracts.c.tenant_id == tenant_id, contracts.c.starts <= at)
            .where(or_(contracts.c.ends.is_(None), contracts.c.ends > at))
            .order_by(contracts.c.starts.desc())
            .limit(1)
        )
        with transaction(self._engine) as connection:
            row = connection.execute(in_force).mappings().one_or_none()
        return _contract(row) if row else None

    def contracts(self, tenant_id: str) -> tuple[Contract, ...]:
        """Every contract of the tenant, the oldest first."""
        with transaction(self._engine) as connection:
            return contracts_of(connection, tenant_id)

    def known_meters(self) -> frozenset[str]:
        with transaction(self._engine) as connection:
            return frozenset(connection.execute(select(meters.c.meter)).scalars())

    def own_policy(self, tenant_id: str) -> dict[str, Any] | None:
        """The tenant's policy bundle as it was stored, not yet validated; None when the standard is in force."""
        own = select(tenant_policies.c.bundle).where(tenant_policies.c.tenant_id == tenant_id)
        with transaction(self._engine) as connection:
            return connection.execute(own).scalar_one_or_none()

    def agree(self, contract: Contract) -> None:
        """Put a validated contract on record; the same contract id again replaces what it said.

        Raises INVALID for a price of a meter that does not exist, and CONFLICT for a tenant that does not, or one that has a
        contract with the same start, or another one without an end.
        """
        with transaction(self._engine) as connection:
            refuse_unknown_meters(connection, contract)
            record_contracts(connection, [contract])

    def carry_policy(self, tenant_id: str, policy: Policy) -> None:
        """From now on new cases of this tenant open under its own bundle; running cases keep the one they read."""
        row = {"tenant_id": tenant_id, "version": policy.version, "bundle": policy.model_dump(mode="json")}
        statement = insert(tenant_policies).values(row)
        with transaction(self._engine) as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["tenant_id"], set_=row))


def contracts_of(connection: Connection, tenant_id: str) -> tuple[Contract, ...]:
    """Every contract of the tenant, the oldest first."""
    every = _CONTRACTS.where(contracts.c.tenant_id == tenant_id).order_by(contracts.c.starts)
    return tuple(_contract(row) for row in connection.execute(every).mappings())


def record_contracts(connection: Connection, agreed: Sequence[Contract]) -> None:
    """Write contracts inside the caller's transaction, their terms and prices once each; one known by its id is replaced."""
    ids = keep_terms(connection, (contract.terms for contract in agreed))
    rows = [
        contract.model_dump(exclude={"terms", "pauses"})
        | {"currency": contract.currency, "terms_id": ids[contract.terms.sha256()]}
        | {"pauses": contract.model_dump(mode="json", include={"pauses"})["pauses"]}
        for contract in agreed
    ]
    statement = insert(contracts)
    new = {column.name: statement.excluded[column.name] for column in contracts.c if column.name != "contract_id"}
    connection.execute(statement.on_conflict_do_update(index_elements=["contract_id"], set_=new), rows)


def refuse_unknown_meters(connection: Connection, contract: Contract) -> None:
    """Raises INVALID when the contract prices a meter that does not exist."""
    known = set(connection.execute(select(meters.c.meter)).scalars())
    if unknown := sorted(contract.terms.meters - known):
        raise BillingFailure(
            FailureCode.INVALID,
            f"contract {contract.contract_id} prices {unknown[0]}, which is no meter: use one of "
            f"{', '.join(sorted(known)) or 'none yet'}, or add the meter",
        )


def _contract(row: RowMapping) -> Contract:
    return Contract.model_validate(dict(row))
