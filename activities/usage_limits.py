"""The verbs of the hourly check: hold running usage against its caps, and write to those who are to hear of it."""

from dataclasses import dataclass, field

from temporalio import activity

from activities.access_ports import Restrictions, RunningUsages, UsageRegister
from activities.clock import Now
from activities.invoicing_ports import Holds
from activities.letters import Letters, Notice
from activities.recovery_letters import LetterToTenant, RecoveryLetters
from billing.access import AccessStanding, Cause, LiftOrder, Limit
from billing.authority import Role
from billing.failures import BillingFailure
from billing.holds import HeldEffect
from billing.overage import (
    AlertKind,
    RunningUsage,
    UsageAlert,
    alert_of_lift,
    alerts_of,
    alerts_of_limit,
    change_of,
    limit_on,
    no_longer_capped,
    spikes_of,
)
from billing.overage_letters import review, to_customer
from billing.policy.limits import LimitsPolicy
from billing.usage_limits import LettersRound, LimitsOrder, LimitsReport

# A story that lists more is read by nobody.
_SHOWN = 20


@dataclass
class _Check:
    """What one check has done so far."""

    near: int = 0
    limited: int = 0
    lifted: int = 0
    held: int = 0
    changes: list[str] = field(default_factory=list)
    alerts: list[UsageAlert] = field(default_factory=list)


@dataclass(frozen=True)
class UsageLimits:
    """The verbs over running usage, the restrictions and the register of who was told."""

    restrictions: Restrictions
    usage: RunningUsages
    register: UsageRegister
    holds: Holds
    letters: Letters
    recovery: RecoveryLetters
    policy: LimitsPolicy
    now: Now

    @activity.defn(name="check_usage_limits", no_thread_cancel_exception=True)
    def check(self, order: LimitsOrder) -> LimitsReport:
        """Limit who has reached a threshold of a cap, lift what is over, and record who is to hear of it (I7, D14).

        Done again after a crash it finds done what is done, and does the rest.
        """
        done, now = _Check(), self.now()
        before = {standing.tenant_id: standing for standing in self.restrictions.limited(Cause.OVERAGE)}
        exempt = {hold.meter for hold in self.holds.in_force(HeldEffect.SUSPENSION) if hold.meter}
        found = self.usage.near_caps(now, self.policy.lowest, before.keys(), activity.heartbeat)
        for usage in found:
            activity.heartbeat(usage.tenant_id)
            self._judge(usage, before.get(usage.tenant_id), exempt, done)
        for tenant_id in before.keys() - {usage.tenant_id for usage in found}:
            self._release(before[tenant_id], done)
        done.alerts += spikes_of(self.usage.days(now, self.policy.spikes, activity.heartbeat), self.policy.spikes)
        return LimitsReport(
            near=done.near,
            limited=done.limited,
            lifted=done.lifted,
            held=done.held,
            letters=self.register.record(done.alerts, now),
            changes=tuple(done.changes[:_SHOWN]),
        )

    @activity.defn(name="tell_of_usage", no_thread_cancel_exception=True)
    def tell(self, order: LimitsOrder) -> LettersRound:
        """Write a batch of the oldest letters that have not left, each once. One that cannot leave now keeps no other
        waiting: it is kept back for the next hour."""
        settled = kept_back = 0
        batch = self.register.untold(self.policy.letters_a_batch)
        for alert in batch:
            activity.heartbeat(alert.tenant_id)
            try:
                self._write(alert)
            except BillingFailure as failure:
                if not failure.final:
                    kept_back += 1
                    continue
            self.register.told(alert, self.now())
            settled += 1
        return LettersRound(settled=settled, kept_back=kept_back, last=len(batch) < self.policy.letters_a_batch)

    def _judge(self, usage: RunningUsage, before: AccessStanding | None, exempt: set[str], done: _Check) -> None:
        """One tenant: its limit first, then what is told; a limit that is held back is told to nobody."""
        done.near += any(meter.reaches(self.policy.lowest) for meter in usage.meters)
        done.alerts += alerts_of(usage, self.policy)
        in_force = _overage(before)
        if limit_on(usage, self.policy, exempt) is None and in_force is None:
            return
        standing = before or self.restrictions.standing(usage.tenant_id)
        order = change_of(usage, in_force, standing.revision, self.policy, exempt)
        if isinstance(order, LiftOrder):
            self._lift(order, standing, usage, done)
            return
        after = self.restrictions.restrict(order, self.now()) if order else standing
        if after.held:
            done.held += 1
            return
        done.alerts += alerts_of_limit(usage, self.policy, exempt)
        if order:
            done.limited += 1
            done.changes.append(f"{usage.tenant_id}: {after.in_words()}, {order.reason}")

    def _release(self, standing: AccessStanding, done: _Check) -> None:
        """A tenant that is limited, and of whom nothing is capped any more."""
        in_force = _overage(standing)
        if in_force is not None:
            self._lift(no_longer_capped(standing.tenant_id, in_force, standing.revision), standing, None, done)

    def _lift(self, order: LiftOrder, standing: AccessStanding, usage: RunningUsage | None, done: _Check) -> None:
        in_force = _overage(standing)
        if in_force is not None and standing.limits == (in_force,):
            # Recorded before the limit is lifted: after a crash in between nobody could tell any more that it was there.
            told = alert_of_lift(order.tenant_id, in_force, usage.period if usage else None, standing.revision)
            self.register.record([told], self.now())
        after = self.restrictions.lift(order, self.now())
        done.lifted += 1
        done.changes.append(f"{order.tenant_id}: {after.in_words()}, {order.reason}")

    def _write(self, alert: UsageAlert) -> None:
        if alert.kind is AlertKind.REVIEW:
            self.letters.notify(
                Notice(case_id=alert.case_id, name=alert.name, role=Role.ACCOUNT_MANAGER, payload=review(alert))
            )
            return
        self.recovery.write(
            LetterToTenant(
                case_id=alert.case_id,
                tenant_id=alert.tenant_id,
                name=alert.name,
                payload=to_customer(alert, self.policy),
            )
        )


def _overage(standing: AccessStanding | None) -> Limit | None:
    limits = standing.limits if standing else ()
    return next((limit for limit in limits if limit.cause is Cause.OVERAGE), None)
