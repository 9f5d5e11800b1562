"""The ports of access and overage, beside `activities/ports.py` and under the same rules: repeatable, failing with
`BillingFailure`."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from activities.ports import Heartbeat
from billing.access import AccessChange, AccessStanding, Cause, LiftOrder, RestrictionOrder
from billing.overage import CapOrder, RunningUsage, SpikingDay, UsageAlert
from billing.policy.limits import SpikePolicy


@dataclass(frozen=True, slots=True)
class Changes:
    """Whose standing may have changed since a mark, and the mark that the next look begins at. A mark that is smaller than the
    one before is of other books."""

    tenants: frozenset[str]
    mark: int


class Restrictions(Protocol):
    """What each tenant's service is limited to: the standing, each cause's limit and the log of changes, kept together."""

    def restrict(self, order: RestrictionOrder, now: datetime) -> AccessStanding:
        """Put the limit of one cause in place and answer the standing. The same step again, and a limit that is in force
        as ordered, change nothing. A hold on suspension that covers the tenant keeps the runbooks from limiting further,
        never an operator and never what eases: the answer says so in `held`. Raises NOT_FOUND for an unknown tenant."""

    def lift(self, order: LiftOrder, now: datetime) -> AccessStanding:
        """Take the limit of one cause away, whatever is held. Lifting what is not there changes nothing. Raises NOT_FOUND."""

    def carried_out(self, op_key: str) -> bool:
        """Whether the step with this key (`case/access/step`) was taken at some time, whatever came after it."""

    def standing(self, tenant_id: str) -> AccessStanding:
        """What a tenant's service is limited to. Raises NOT_FOUND for an unknown tenant."""

    def standings(self, tenants: Sequence[str]) -> dict[str, AccessStanding]:
        """The standings of those tenants that exist, without each cause's limit: what gateways are told."""

    def changed_since(self, mark: int | None) -> Changes:
        """Everybody whose orders were carried out since a look answered `mark`, however long their transactions took; nobody
        without a mark. Somebody may be named twice, and nobody is left out."""

    def history(self, tenant_id: str, count: int) -> tuple[AccessChange, ...]:
        """The newest orders that were carried out for a tenant, the latest first."""

    def limited(self, cause: Cause | None = None) -> tuple[AccessStanding, ...]:
        """Every tenant that is limited, by one cause or by any, in the order of their ids."""


class RunningUsages(Protocol):
    """What was used so far, set-wise for all tenants, as one moment of the database has it."""

    def near_caps(
        self, at: datetime, share: Decimal, always: Collection[str], heartbeat: Heartbeat
    ) -> tuple[RunningUsage, ...]:
        """Tenants with a contract of which a meter has reached `share` of its cap in the service period that runs at `at`,
        with every capped meter that has; those in `always` whatever they used. Meters without a cap are left out."""

    def days(self, at: datetime, policy: SpikePolicy, heartbeat: Heartbeat) -> tuple[SpikingDay, ...]:
        """Yesterday and today of every meter that came to `policy.factor` times its usual day, in the tenant's own days."""


class UsageRegister(Protocol):
    """Who is told of usage, each once."""

    def record(self, alerts: Sequence[UsageAlert], now: datetime) -> int:
        """Keep the alerts that are new, and answer how many of them need a letter; a higher threshold that is new at the
        same time has the letter of the lower ones."""

    def untold(self, count: int) -> tuple[UsageAlert, ...]:
        """The oldest alerts whose letter has not left yet."""

    def told(self, alert: UsageAlert, now: datetime) -> None:
        """Its letter has left, or cannot."""

    def cap(self, order: CapOrder, now: datetime) -> None:
        """Set a tenant's cap on a meter in place of what its contract includes. Raises NOT_FOUND."""

    def caps(self, tenant_id: str) -> tuple[CapOrder, ...]:
        """The caps that were set for a tenant, by meter."""
