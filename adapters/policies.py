"""Which policy a case opens under: the tenant's own bundle if there is one, else the standard, at the configured speed."""

from __future__ import annotations

from pydantic import ValidationError
from sqlalchemy import Engine

from adapters.postgres.tenants import Tenants
from billing.failures import BillingFailure, FailureCode
from billing.policy.bundle import Policy
from billing.policy.month_end import MonthEndPolicy
from billing.policy.provider_events import ProviderEventsPolicy
from billing.policy.reconciliation import ReconciliationPolicy
from billing.policy.retention import RetentionPolicy
from billing.policy.standard import MONTH_END, PROVIDER_EVENTS, RECONCILIATION, RETENTION, STANDARD
from billing.tenants import Tenant


class Policies:
    """Satisfies `PolicyShelf`; `speed` divides every duration (1 in production), `recovery_speed` those of payment recovery
    instead, `zone` is where months end."""

    def __init__(self, engine: Engine, speed: int = 1, zone: str = "UTC", *, recovery_speed: int | None = None) -> None:
        self._tenants = Tenants(engine)
        self._speed, self._recovery_speed = speed, recovery_speed
        self._zone = zone

    def month_end(self) -> MonthEndPolicy:
        return self.of_the_house(self._zone, self._speed)

    def reconciliation(self) -> ReconciliationPolicy:
        return RECONCILIATION.accelerated(self._speed)

    def retention(self) -> RetentionPolicy:
        return RETENTION.accelerated(self._speed)

    def provider_events(self) -> ProviderEventsPolicy:
        return PROVIDER_EVENTS.accelerated(self._speed)

    @staticmethod
    def of_the_house(zone: str, speed: int = 1) -> MonthEndPolicy:
        """The policy of runs, which is no tenant's, so that it can be read without the books."""
        return MONTH_END.model_copy(update={"zone": zone}).accelerated(speed)

    def in_force(self, tenant: Tenant | None) -> Policy:
        """Raises INVALID when the tenant's stored bundle breaks a policy rule."""
        bundle = self._tenants.own_policy(tenant.tenant_id) if tenant else None
        if tenant is None or bundle is None:
            return STANDARD.accelerated(self._speed, recovery=self._recovery_speed)
        try:
            return Policy.model_validate(bundle).accelerated(self._speed, recovery=self._recovery_speed)
        except ValidationError as failure:
            first = failure.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise BillingFailure(
                FailureCode.INVALID, f"the policy bundle of {tenant.tenant_id} is not valid: {where}: {first['msg']}"
            ) from failure
