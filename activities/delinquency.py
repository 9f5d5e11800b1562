"""The verbs of recovery: open a case, look at what is owed, take one step of the ladder, restore, arrange, close.

Nothing is done to a customer on old news: a step reads the debts fresh at the provider first, and is left when they moved.
"""

from dataclasses import dataclass

from pydantic import AwareDatetime, BaseModel, ConfigDict
from temporalio import activity

from activities.access import Access
from activities.clock import Now
from activities.delinquency_ports import ArrangementRow, DelinquencyBook
from activities.effects import Sender, send_once
from activities.letters import Notice
from activities.payment_ports import ReceivablesBook
from activities.payments import Payments
from activities.ports import (
    CalendarSource,
    EffectLedger,
    OperatorDirectory,
    PolicyShelf,
    ProviderAnswer,
    TenantDirectory,
    Wire,
)
from activities.push_ports import InvoiceProvider
from activities.recovery_letters import LetterToTenant, RecoveryLetters
from activities.retention_ports import DeletionQueue
from billing.access import AccessStanding, LiftOrder, RestrictionOrder
from billing.authority import Role
from billing.delinquency import Contest, Debt, debts_of
from billing.effects import Effect
from billing.failures import BillingFailure, FailureCode
from billing.holds import Hold
from billing.payments import Receivable, RefreshOrder
from billing.recovery import (
    ArrangementRequest,
    ArrangementState,
    DelinquencyOrder,
    OpenedDelinquency,
    RecoveryStory,
)
from billing.recovery_letters import Coming, Owed, RestoredBecause, given_back
from billing.tenants import Tenant, Tier


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Look(_Record):
    """Look at a tenant's debts. `fresh`: at the provider, else as they were read last, which every event and every attempt
    does anew. `since`: how far back a hold matters; `about`: invoices of ours that are looked at even when nothing is owed on
    them any more."""

    case_id: str
    tenant_id: str
    since: AwareDatetime
    about: frozenset[str] = frozenset()
    fresh: bool = False


class Seen(_Record):
    """The world as it was looked at, without who the tenant is. `receivables` are the invoices that are owed or were asked
    for, `holds` and `contests` those in its way. `cancelled`: it has no contract any more; `awaits_deletion`: it was handed
    over to the retention purge; `deletion_began`: its data is going."""

    tier: Tier
    receivables: tuple[Receivable, ...]
    holds: tuple[Hold, ...]
    service: AccessStanding
    cancelled: bool
    deletion_began: bool
    awaits_deletion: bool = False
    contests: tuple[Contest, ...] = ()

    @property
    def debts(self) -> tuple[Debt, ...]:
        """What is owed, oldest first."""
        return debts_of(self.receivables)

    @property
    def held_by(self) -> tuple[Hold, ...]:
        """The holds in force."""
        return tuple(hold for hold in self.holds if hold.in_force)


class LadderStep(_Record):
    """One step as it was planned over `debts`, with the `contests` known then; each part may be missing, and
    `notice` is for operators. `hand_over_since`: hand the tenant over to the retention purge, whose time was over then."""

    name: str
    look: Look
    debts: tuple[Debt, ...]
    contests: tuple[Contest, ...] = ()
    limit: RestrictionOrder | None = None
    letters: tuple[LetterToTenant, ...] = ()
    notice: Notice | None = None
    hand_over_since: AwareDatetime | None = None


class StepTaken(_Record):
    """`taken` False: the world has moved since it was planned, and nothing was done. `unsent` names the letters that could
    not leave yet."""

    seen: Seen
    taken: bool
    unsent: tuple[str, ...] = ()


class Restoration(_Record):
    """Lift the limit of delinquency; what is still `owed`, and what comes `later` of it, stands in the letter."""

    lift: LiftOrder
    why: RestoredBecause
    owed: Owed
    later: tuple[Coming, ...] = ()

    def letter(self, service: AccessStanding) -> LetterToTenant:
        """What the customer reads, by the service as it is after that: other causes may limit it still."""
        payload = given_back(service, self.why, self.owed, self.later)
        lift = self.lift
        return LetterToTenant(case_id=lift.case_id, tenant_id=lift.tenant_id, name=lift.step, payload=payload)


class Restored(_Record):
    """The service as it is now; `unsent` names the letter if it could not leave yet."""

    service: AccessStanding
    unsent: tuple[str, ...] = ()


class Arranging(_Record):
    """An arrangement to put on record, and the role of the second person who must agree; None: it counts at once."""

    request: ArrangementRequest
    approver: Role | None


class Outcome(_Record):
    """What became of an arrangement in the end."""

    op_key: str
    state: ArrangementState


@dataclass(frozen=True)
class Delinquencies:
    """The verbs of a case; each may be repeated after a crash, and does nothing twice."""

    book: DelinquencyBook
    receivables: ReceivablesBook
    payments: Payments
    access: Access
    letters: RecoveryLetters
    purge: DeletionQueue
    tenants: TenantDirectory
    operators: OperatorDirectory
    policies: PolicyShelf
    calendars: CalendarSource
    effects: EffectLedger
    provider: InvoiceProvider
    now: Now

    @activity.defn(name="open_delinquency", no_thread_cancel_exception=True)
    def open(self, order: DelinquencyOrder) -> OpenedDelinquency:
        """Put the case on record, or find the tenant's open one."""
        now = self.now()
        episode = self.book.open(order.tenant_id, now)
        tenant = self._tenant(order.tenant_id)
        return OpenedDelinquency(
            case_id=episode.case_id,
            episode=episode.number,
            opened_at=now,
            contacts=episode.contacts,
            policy=self.policies.in_force(tenant),
            calendar=self.calendars.calendar(tenant, now),
        )

    @activity.defn(name="look_at_debts", no_thread_cancel_exception=True)
    def look(self, look: Look) -> Seen:
        """What is owed now, what stops the chase, and who the tenant is by now."""
        if look.fresh:
            self.payments.refresh(RefreshOrder(tenant_id=look.tenant_id))
        now = self.now()
        contests = self.book.contests(look.tenant_id, look.since)
        contested = {contest.invoice_id for contest in contests if contest.closed_at is None}
        mirror = self.receivables.of_tenant(look.tenant_id)
        return Seen(
            tier=self._tenant(look.tenant_id).tier,
            receivables=tuple(
                one.model_copy(update={"disputed": one.charged_back or one.invoice_id in contested})
                for one in mirror
                if one.is_debt or one.invoice_id in look.about
            ),
            holds=self.book.holds(look.tenant_id, look.since),
            contests=contests,
            service=self.access.restrictions.standing(look.tenant_id),
            cancelled=self.tenants.contract(look.tenant_id, now) is None,
            deletion_began=self.book.deletion_began(look.tenant_id),
            awaits_deletion=self.purge.waits(look.tenant_id),
        )

    @activity.defn(name="look_up_debtor", no_thread_cancel_exception=True)
    def debtor(self, tenant_id: str) -> Tenant:
        """Whom the account manager is asked to call."""
        return self._tenant(tenant_id)

    @activity.defn(name="take_delinquency_step", no_thread_cancel_exception=True)
    def take(self, step: LadderStep) -> StepTaken:
        """Do what was planned, if the debts read fresh are still those it was planned over and nothing holds it. A step
        that limited already before its process died is finished, as if the world had moved a moment later."""
        begun = step.limit is not None and self.access.restrictions.carried_out(step.limit.op_key)
        seen = self.look(step.look)
        moved = seen.debts != step.debts or seen.contests != step.contests or seen.held_by
        if moved and not begun:
            return StepTaken(seen=seen, taken=False)
        if step.limit:
            seen = seen.model_copy(update={"service": self.access.restrict(step.limit)})
        if seen.service.held:
            return StepTaken(seen=seen, taken=False)
        if step.hand_over_since:
            self.purge.await_deletion(step.look.tenant_id, step.hand_over_since, step.look.case_id)
            seen = seen.model_copy(update={"awaits_deletion": True})
        return StepTaken(seen=seen, taken=True, unsent=self._unsent(*step.letters, step.notice))

    @activity.defn(name="spare_from_purge", no_thread_cancel_exception=True)
    def spare(self, tenant_id: str) -> bool:
        """Take a tenant back from the retention purge; False when its deletion has begun, and it is too late."""
        return self.purge.spare(tenant_id)

    @activity.defn(name="restore_service", no_thread_cancel_exception=True)
    def restore(self, order: Restoration) -> Restored:
        """Lift the limit of delinquency at once and fully (I10), and say what is left of the service."""
        service = self.access.lift(order.lift)
        return Restored(service=service, unsent=self._unsent(order.letter(service)))

    @activity.defn(name="tell_delinquency", no_thread_cancel_exception=True)
    def tell(self, story: RecoveryStory) -> None:
        """Put on record where the case stands, and in the end how it ended."""
        if story.ending:
            return self.book.close(story, self.now())
        return self.book.tell(story, self.now())

    @activity.defn(name="role_of_operator", no_thread_cancel_exception=True)
    def role_of(self, operator_id: str) -> Role | None:
        """What an operator is at the moment; None for nobody who is active."""
        return self.operators.role_of(operator_id)

    @activity.defn(name="arrange_recovery", no_thread_cancel_exception=True)
    def arrange(self, asked: Arranging) -> ArrangementRow:
        """Put an arrangement on record: in force, or frozen for the person who must approve it."""
        return self.book.arrange(asked.request, (asked.approver,) if asked.approver else (), self.now())

    @activity.defn(name="put_arrangement_in_force", no_thread_cancel_exception=True)
    def put_in_force(self, op_key: str) -> ArrangementRow:
        """Let an approved arrangement count. Raises NOT_APPROVED when it is not."""
        return self.book.put_in_force(op_key, self.now())

    @activity.defn(name="note_payment_elsewhere", no_thread_cancel_exception=True)
    def note_payment(self, op_key: str) -> ArrangementRow:
        """Have the provider note an invoice as paid another way, once, and let that count. Raises STALE_DECISION when it is
        not due as it was approved."""
        case_id = op_key.rpartition("/arrangement/")[0]
        request = next(row.request for row in self.book.arranged(case_id) if row.request.op_key == op_key)
        invoices = self.receivables.of_tenant(request.tenant_id)
        invoice = next(one for one in invoices if request.invoice in (one.number, one.invoice_id))
        whole = RefreshOrder(invoice_ids=(invoice.invoice_id,))

        def plan(effect: Effect) -> Wire:
            for one in self.payments.refresh(whole):
                if effect.wire is None and one.remaining != request.amount:
                    why = f"{one.remaining} is due on {one.number} by now, not {request.amount}"
                    raise BillingFailure(FailureCode.STALE_DECISION, why)
            reason = f"{request.reason} ({request.requested_by}, {op_key})"
            return self.provider.plan_paid_elsewhere(invoice.provider_invoice_id, op_key, reason)

        def settle(answer: ProviderAnswer) -> None:
            self.effects.confirm(op_key, answer)

        sender = Sender(plan=plan, send=self.provider.send, find=self.provider.find)
        send_once(self.effects, op_key, sender, settle, self.now())
        self.payments.refresh(whole)
        return self.book.put_in_force(op_key, self.now())

    @activity.defn(name="settle_arrangement", no_thread_cancel_exception=True)
    def settle(self, outcome: Outcome) -> None:
        """Note what became of it."""
        self.book.settle(outcome.op_key, outcome.state, self.now())

    def _unsent(self, *posts: LetterToTenant | Notice | None) -> tuple[str, ...]:
        """Try each once: mail that cannot leave now must hold nothing else up, and is sent beside the case then."""
        return tuple(post.name for post in posts if post and not self._left(post))

    def _left(self, post: LetterToTenant | Notice) -> bool:
        try:
            if isinstance(post, LetterToTenant):
                self.letters.write(post)
            else:
                self.letters.letters.notify(post)
        except BillingFailure as failure:
            # The same letter left before with other figures: the step was taken up again after a crash.
            return failure.code is FailureCode.CONFLICT
        return True

    def _tenant(self, tenant_id: str) -> Tenant:
        tenant = self.tenants.find(tenant_id)
        if tenant is None:
            raise BillingFailure(FailureCode.NOT_FOUND, f"tenant {tenant_id} is not in the books")
        return tenant
