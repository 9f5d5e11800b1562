"""The verbs of a retention purge: plan it, freeze what was confirmed, begin, delete in batches, certify."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict
from temporalio import activity

from activities.access_ports import Restrictions
from activities.clock import Now
from activities.ports import PolicyShelf
from activities.retention_ports import RetentionBook
from billing.access import Cause, Restriction, RestrictionOrder
from billing.policy.retention import RetentionPolicy
from billing.retention import Certified, Ending, OpenedPurge, Progress, Purge, PurgeOrder, case_id


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class PurgeStep(_Record):
    """A plan and the policy that its purge opened with."""

    plan_id: str
    policy: RetentionPolicy


class ClosingPurge(_Record):
    """How a purge ended."""

    plan_id: str
    ending: Ending


@dataclass(frozen=True)
class Retention:
    """The verbs over the book of plans; only `begin` and what follows it changes a customer's data."""

    book: RetentionBook
    restrictions: Restrictions
    policies: PolicyShelf
    now: Now

    @activity.defn(name="plan_purge", no_thread_cancel_exception=True)
    def plan(self, order: PurgeOrder) -> OpenedPurge:
        """Count what would go, under the policy in force; the same order again answers the same plan."""
        policy = self.policies.retention()
        planned = self.book.plan(order, policy, activity.heartbeat)
        return OpenedPurge(plan=planned.plan.summary(), policy=policy)

    @activity.defn(name="propose_purge", no_thread_cancel_exception=True)
    def propose(self, purge: Purge) -> str:
        """Freeze what was confirmed until another person approved it."""
        return self.book.propose(purge)

    @activity.defn(name="begin_purge", no_thread_cancel_exception=True)
    def begin(self, plan_id: str) -> None:
        """The last look before anything is gone, then the end of the service; raises STALE_DECISION when the plan
        drifted."""
        for tenant_id in self.book.begin(plan_id, activity.heartbeat):
            activity.heartbeat(f"ending the service of {tenant_id}")
            self.restrictions.restrict(_deleted(tenant_id, plan_id), self.now())

    @activity.defn(name="carry_out_purge", no_thread_cancel_exception=True)
    def carry_out(self, step: PurgeStep) -> Progress:
        """Delete and redact some batches; killed at any moment, the next try goes on where it stood."""
        policy = step.policy
        return self.book.carry_out(step.plan_id, policy.batch, policy.batches_a_step, activity.heartbeat)

    @activity.defn(name="certify_purge", no_thread_cancel_exception=True)
    def certify(self, plan_id: str) -> Certified:
        """Count again and print the certificate."""
        return self.book.finish(plan_id, activity.heartbeat)

    @activity.defn(name="close_purge", no_thread_cancel_exception=True)
    def close(self, closing: ClosingPurge) -> None:
        """Put the ending on record."""
        self.book.close(closing.plan_id, closing.ending)


def _deleted(tenant_id: str, plan_id: str) -> RestrictionOrder:
    """What gateways are told from now on. People approved it, so no hold on suspension keeps it from counting."""
    return RestrictionOrder(
        tenant_id=tenant_id,
        cause=Cause.OPERATOR,
        restriction=Restriction.DELETED,
        reason="this account has been deleted",
        case_id=case_id(plan_id),
        step=f"deleted/{tenant_id}",
    )
