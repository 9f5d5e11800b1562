"""The verbs of access: limit a tenant's service for one cause, and lift that limit."""

from dataclasses import dataclass

from temporalio import activity

from activities.access_ports import Restrictions
from activities.clock import Now
from billing.access import AccessStanding, LiftOrder, RestrictionOrder


@dataclass(frozen=True)
class Access:
    """The verbs over the register of restrictions; a step's key makes each of them happen once."""

    restrictions: Restrictions
    now: Now

    @activity.defn(name="restrict_access", no_thread_cancel_exception=True)
    def restrict(self, order: RestrictionOrder) -> AccessStanding:
        """Limit the tenant for this cause. Look at `held` in the answer: a hold on suspension that was placed meanwhile
        keeps the limit from taking effect, and nothing was changed (I2)."""
        return self.restrictions.restrict(order, self.now())

    @activity.defn(name="lift_access", no_thread_cancel_exception=True)
    def lift(self, order: LiftOrder) -> AccessStanding:
        """Lift this cause's limit at once (I10); the answer says what other causes leave in place."""
        return self.restrictions.lift(order, self.now())
