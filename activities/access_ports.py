"""The ports of access and overage, beside `activities/ports.py` and under the same rules: repeatable, failing with
`BillingFailure`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from billing.access import AccessStanding, Cause, LiftOrder, RestrictionOrder


class Restrictions(Protocol):
    """What each tenant's service is limited to: the standing, each cause's limit and the log of changes, kept together."""

    def restrict(self, order: RestrictionOrder, now: datetime) -> AccessStanding:
        """Put the limit of one cause in place and answer the standing. The same step again, and a limit that is in force
        as ordered, change nothing. A hold on suspension that covers the tenant keeps the runbooks from limiting further,
        never an operator and never what eases: the answer says so in `held`. Raises NOT_FOUND for an unknown tenant."""

    def lift(self, order: LiftOrder, now: datetime) -> AccessStanding:
        """Take the limit of one cause away, whatever is held. Lifting what is not there changes nothing. Raises NOT_FOUND."""

    def standing(self, tenant_id: str) -> AccessStanding:
        """What a tenant's service is limited to. Raises NOT_FOUND for an unknown tenant."""

    def standings(self, tenants: Sequence[str]) -> dict[str, AccessStanding]:
        """The standings of those tenants that exist, without each cause's limit: what gateways are told."""

    def limited(self, cause: Cause | None = None) -> tuple[AccessStanding, ...]:
        """Every tenant that is limited, by one cause or by any, in the order of their ids."""
