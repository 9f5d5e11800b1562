"""The desk of a recovery: what people and machines may say to a case, and how it shows itself.

Validators refuse before history records anything; whatever an operator may not do alone is checked in the database.
"""

from datetime import date, datetime

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.delinquency import Seen
from activities.operators import Operators, Permission
from billing.access import AccessStanding, Cause, Limit
from billing.arrangements import last_day_to_promise
from billing.cases import DecisionReceipt, PendingApproval, SignedDecision
from billing.delinquency import Action, Debt, Standing
from billing.failures import FailureCode
from billing.month_end import Instruction
from billing.payments import AttemptTold, CardUpdated, Outcome, RetryPhase
from billing.policy.dunning import DunningPolicy
from billing.provider_events import News, NewsKind
from billing.recovery import (
    MAY_ARRANGE,
    Carried,
    Chase,
    DebtLine,
    DelinquencyOrder,
    Ending,
    OpenedDelinquency,
    RecoveryStory,
)
from billing.recovery_steps import in_words
from billing.rungs import Rung
from workflows.blocks.approval import ApprovalGate, answered
from workflows.blocks.attempts import Attempts
from workflows.blocks.case import Runbook
from workflows.blocks.delinquency_story import as_markdown
from workflows.blocks.records import noted

# After these the debt is another than before: look.
_CHANGED = {Outcome.PAID, Outcome.PARTLY_PAID, Outcome.NOTHING_DUE, Outcome.BELOW_MINIMUM}
_LINES_CARRIED = 100


class DelinquencyDesk(Runbook):
    """State and messages of one recovery; the procedure itself is in `workflows.delinquency`."""

    def __init__(self, order: DelinquencyOrder) -> None:
        super().__init__()
        self.order = order
        self.attempts = Attempts()
        self.gate = ApprovalGate(order.workflow_id)
        self.opened: OpenedDelinquency | None = None
        self.standing: Standing | None = None
        self.seen: Seen | None = None
        self.service: AccessStanding | None = None
        self.next_step = "open the case"
        self.next_at: datetime | None = None
        self.chases: dict[str, Chase] = {}
        # New ways to pay, by the event that told of each: every chase tries at once.
        self.cards = list(order.cards)
        # Invoices that the customer was written about, and how often a name of a step was used.
        self.told_of: frozenset[str] = frozenset()
        self.named: dict[str, int] = {}
        # Arrangements asked for so far; the promise that is open, by its key; what waits for approval, in words.
        self.requests = 0
        self.promise_key = self.awaits_approval = ""
        self.ending: Ending | None = None
        # Every invoice that was owed at some time.
        self.once_owed: frozenset[str] = frozenset()
        self.knew_cancelled = False
        # Something happened, or is about to be looked at for the first time.
        self.stirred = True
        # False while a person is asked to repair something.
        self.repaired = True
        if order.carried:  # here, since what is said to the next run is heard before it begins to work
            self._take_up(order.carried)

    @workflow.signal(description="Something changed at the payment provider: look")
    def heard(self, news: News) -> None:
        if news.brings_a_card and all(card.event_id != news.event_id for card in self.cards):
            self.cards.append(
                CardUpdated(
                    event_id=news.event_id,
                    payment_method=news.payment_method,
                    chosen=news.kind is NewsKind.CUSTOMER,
                    occurred_at=news.occurred_at,
                )
            )
        self.stirred = True

    @workflow.signal(description="What an attempt to collect one of the invoices came to, and when the next one is")
    def heard_attempt(self, told: AttemptTold) -> None:
        chase = self.chases.get(told.invoice_id)
        if chase is None:
            return
        self.chases[told.invoice_id] = chase.after(told)
        if told.result:
            origin = told.origin.replace("_", " ") if told.origin else "an"
            self.note(f"{self.number_of(told.invoice_id)}, {origin} attempt {told.number}: {told.result.words}")
        elif told.phase is not chase.phase and told.phase is not RetryPhase.WITHDRAWN:
            self.note(f"{self.number_of(told.invoice_id)}: {told.phase}")
        if told.phase is RetryPhase.PAID or told.asks_anew or (told.result and told.result.outcome in _CHANGED):
            self.stirred = True

    @workflow.signal(description="A hold was placed or released, or a dispute opened or closed: look")
    def holds_changed(self) -> None:
        self.stirred = True

    @workflow.update(description="The cause is repaired: go on with what was handed over")
    async def try_again(self, order: Instruction) -> str:
        await self.permitted(order.by, "let a recovery try again")
        self.repaired = True
        self.note(f"{order.by} repaired the cause: {order.reason}")
        return "trying again"

    @try_again.validator
    def _may_try_again(self, order: Instruction) -> None:
        if self.repaired:
            raise conflict("nothing was handed over, and nothing waits for a repair")

    @workflow.update(description="A signed answer to the open approval question")
    async def decide(self, decision: SignedDecision) -> DecisionReceipt:
        receipt = await self.gate.take(decision)
        self.note(answered(decision, receipt))
        return receipt

    @decide.validator
    def _is_about_this_case(self, decision: SignedDecision) -> None:
        self.gate.refuse_strangers(decision)
        self.refuse_unless_at_work("decide")
        at_most = self.case.policy.approvals.refusals_at_most
        self.gate.refuse_beyond(at_most, decision, instead="have it arranged anew")

    @workflow.query(
        description="Rung, next step and when, debts, why it waits, open question and timeline; moments in UTC"
    )
    def story(self) -> RecoveryStory:
        standing = self.standing
        return RecoveryStory(
            case_id=self.opened.case_id if self.opened else self.order.workflow_id,
            tenant_id=self.order.tenant_id,
            tier=standing.tier if standing else "",
            rung=standing.rung if standing else Rung.RETRYING,
            service=self.service,
            owed=standing.owed if standing else (),
            debts=tuple(self._line(debt) for debt in standing.debts) if standing else (),
            next_step=self.next_step,
            next_at=self.next_at,
            waits=self.waits,
            arranged=self.arranged,
            promised_by=standing.promise.by_day if standing and standing.promise else None,
            may_promise_by=self._last_day_to_promise(),
            needs_human=self.needs_human or self.question is not None,
            approval=self.question,
            contacts=standing.contacts if standing else (),
            ending=self.ending,
            timeline=tuple(self.timeline.lines),
        )

    def _last_day_to_promise(self) -> date | None:
        if self.standing is None or self.ending or not self.standing.debts:
            return None
        return last_day_to_promise(self.standing, workflow.now(), self.dunning)

    @property
    def case(self) -> OpenedDelinquency:
        """As it was opened; asked only after that."""
        assert self.opened is not None  # noqa: S101 - asked only after the case was opened
        return self.opened

    @property
    def stands(self) -> Standing:
        """Where the case stands; asked only after the first look."""
        assert self.standing is not None  # noqa: S101 - asked only after the first look
        return self.standing

    @property
    def dunning(self) -> DunningPolicy:
        """The numbers of the ladder, as they were when the case opened."""
        return self.case.policy.dunning

    @property
    def question(self) -> PendingApproval | None:
        """What people are asked at the moment."""
        return self.gate.pending

    @property
    def waits(self) -> tuple[str, ...]:
        """Why nothing is done, one sentence for each reason."""
        if self.seen is None or self.standing is None or self.ending:
            return ()
        disputed = [f"{debt.number} is disputed" for debt in self.standing.debts if debt.disputed]
        return (*(hold.in_words() for hold in self.seen.held_by), *disputed)

    @property
    def arranged(self) -> tuple[str, ...]:
        """What is agreed on and in force, in words."""
        return ()

    @property
    def sees(self) -> Seen:
        """The world as it was looked at last; asked only after the first look."""
        assert self.seen is not None  # noqa: S101 - asked only after the first look
        return self.seen

    @property
    def limit(self) -> Limit | None:
        """What recovery has taken of the service; other causes have limits of their own."""
        limits = self.service.limits if self.service else ()
        return next((one for one in limits if one.cause is Cause.DELINQUENCY), None)

    @property
    def is_limited(self) -> bool:
        """Whether recovery has taken any of the service away."""
        return self.limit is not None

    @property
    def is_alone(self) -> bool:
        """Whether nobody is asked, spoken to or written to at the moment."""
        letters_left = all(letter.done() for letter in self._posted)
        return not self.awaits_approval and letters_left and workflow.all_handlers_finished()

    def show(self) -> None:
        """Bring the details and the search attributes of the Temporal UI up to date."""
        workflow.set_current_details(as_markdown(self.story()))

    def label(self) -> None:
        """Bring the search attributes up to date; each change of them is an event, so only before the case waits."""
        if self.standing is None:
            return
        self.labels.show(
            stage="closed" if self.ending else self.standing.rung.value,
            tier=self.standing.tier.value,
            next_action_at=self.next_at,
            needs_human=self.needs_human or self.question is not None,
        )

    def plan(self, action: Action | None) -> None:
        """What is next and when, for people."""
        self.next_step = in_words(action, self.dunning) if action else "look again"
        self.next_at = action.at if action else None

    def number_of(self, invoice_id: str) -> str:
        """What people call an invoice."""
        known = self.seen.receivables if self.seen else ()
        return next((one.number for one in known if one.invoice_id == invoice_id), invoice_id)

    def name_once(self, base: str) -> str:
        """A name for a step of this case that no other had: `eased`, then `eased-2`."""
        self.named[base] = self.named.get(base, 0) + 1
        return base if self.named[base] == 1 else f"{base}-{self.named[base]}"

    async def look(self, *, fresh: bool = False) -> None:
        """Read the world and take it in; the procedure says how."""
        raise NotImplementedError

    async def permitted(self, operator_id: str, deed: str) -> None:
        """Raises INVALID unless the operator may do this at all."""
        permission = Permission(operator_id=operator_id, roles=MAY_ARRANGE, deed=deed)
        with self.attempts.counted(deed):
            if problem := await noted(Operators.objection, permission, summary="check the permission"):
                raise ApplicationError(problem, type=FailureCode.INVALID, non_retryable=True)

    def refuse_unless_at_work(self, deed: str) -> None:
        """Reject, before history records anything, what a case cannot take yet or any more."""
        if self.ending:
            raise conflict(f"too late to {deed}: the case is over, {self.ending}")
        if self.standing is None:
            raise conflict("the case is still being opened: try again in a moment")
        self.attempts.refuse_beyond(self.case.policy.approvals, deed)

    def carried(self) -> Carried:
        """What the next run needs."""
        return Carried(
            opened=self.case,
            standing=self.stands,
            service=self.service,
            chases=self.chases,
            told_of=self.told_of,
            once_owed=self.once_owed,
            knew_cancelled=self.knew_cancelled,
            promise_key=self.promise_key,
            cards=tuple(self.cards),
            named=self.named,
            requests=self.requests,
            timeline=tuple(self.timeline.lines[-_LINES_CARRIED:]),
        )

    def _take_up(self, carried: Carried) -> None:
        """Go on where the run before stopped."""
        self.opened, self.standing, self.service = carried.opened, carried.standing, carried.service
        self.chases, self.told_of, self.named = dict(carried.chases), carried.told_of, dict(carried.named)
        self.once_owed, self.knew_cancelled = carried.once_owed, carried.knew_cancelled
        self.requests, self.promise_key, self.cards = carried.requests, carried.promise_key, list(carried.cards)
        self.timeline.lines = list(carried.timeline)

    def _line(self, debt: Debt) -> DebtLine:
        chase = self.chases.get(debt.invoice_id)
        return DebtLine(
            invoice_id=debt.invoice_id,
            number=debt.number,
            net=debt.net,
            since=debt.since,
            chased=chase.words if chase else "rests: disputed" if debt.disputed else "not collected yet",
        )


def conflict(words: str) -> ApplicationError:
    """Refuse what does not fit the state of the case."""
    return ApplicationError(words, type=FailureCode.CONFLICT, non_retryable=True)
