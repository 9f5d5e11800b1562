"""Tenants, their contracts and meters as rows, and the policy bundle a tenant may carry."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Engine, RowMapping, or_, select
from sqlalchemy.dialects.postgresql import insert

from adapters.postgres.engine import transaction
from adapters.postgres.tables import contracts, meters, tenant_policies, tenants
from billing.policy.bundle import Policy
from billing.prices import Contract
from billing.tenants import Tenant


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
            select(contracts)
            .where(contracts.c.tenant_id == tenant_id, contracts.c.starts <= at)
            .where(or_(contracts.c.ends.is_(None), contracts.c.ends > at))
            .order_by(contracts.c.starts.desc())
            .limit(1)
        )
        with transaction(self._engine) as connection:
            row = connection.execute(in_force).mappings().one_or_none()
        return _contract(row) if row else None

    def known_meters(self) -> frozenset[str]:
        with transaction(self._engine) as connection:
            return frozenset(connection.execute(select(meters.c.meter)).scalars())

    def own_policy(self, tenant_id: str) -> dict[str, Any] | None:
        """The tenant's policy bundle as it was stored, not yet validated; None when the standard is in force."""
        own = select(tenant_policies.c.bundle).where(tenant_policies.c.tenant_id == tenant_id)
        with transaction(self._engine) as connection:
            return connection.execute(own).scalar_one_or_none()

    def agree(self, contract: Contract) -> None:
        """Put a validated contract on record; the same contract id again replaces what it said."""
        row = contract.model_dump(exclude={"prices"}) | {"prices": contract.model_dump(mode="json")["prices"]}
        statement = insert(contracts).values(row)
        with transaction(self._engine) as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["contract_id"], set_=row))

    def carry_policy(self, tenant_id: str, policy: Policy) -> None:
        """From now on new cases of this tenant open under its own bundle; running cases keep the one they read."""
        row = {"tenant_id": tenant_id, "version": policy.version, "bundle": policy.model_dump(mode="json")}
        statement = insert(tenant_policies).values(row)
        with transaction(self._engine) as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["tenant_id"], set_=row))


def _contract(row: RowMapping) -> Contract:
    return Contract.model_validate(dict(row))
