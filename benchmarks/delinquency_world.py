"""What the benchmark of payment recovery runs: the real runbooks, over books that answer at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from temporalio import activity
from temporalio.client import Client, WorkflowHistory
from temporalio.worker import PollerBehaviorAutoscaling, UnsandboxedWorkflowRunner, Worker

from activities.delinquency import LadderStep, Look, Restoration, Restored, Seen, StepTaken
from activities.lanes import PAYMENTS_LANE, lane_queue
from activities.letters import Notice, Posted
from activities.recovery_letters import LetterToTenant
from benchmarks.delinquency_bare import BareRecovery, BareRetries, BareSleeper, Work, nothing
from billing.access import AccessStanding, Cause, Limit
from billing.calendars import BusinessCalendar
from billing.declines import Advice
from billing.invoices import InvoiceStatus
from billing.money import Money
from billing.payments import (
    AttemptOrder,
    AttemptResult,
    OpenedRetry,
    Origin,
    Outcome,
    Receivable,
    RefreshOrder,
    RetryOrder,
)
from billing.policy.standard import STANDARD
from billing.recovery import DelinquencyOrder, OpenedDelinquency, RecoveryStory
from billing.tenants import Tier
from workflows.blocks.sandbox import sandboxed_runner
from workflows.delinquency import Delinquency
from workflows.payment_retry import PaymentRetry

OWED = Money.of("310.00", "USD")
# Its last reminder is answered with a payment: day 21 of a pro customer.
PAYS_AFTER = "reminder-3"
# Local days in which nothing is a holiday; office hours are off at any speed but the real one.
CALENDAR = BusinessCalendar.without_holidays("UTC")


@dataclass
class InstantBooks:
    """Every activity that a recovery uses, answered from memory; customers pay once `PAYS_AFTER` was sent."""

    speed: int = 1
    paid: set[str] = field(default_factory=set)
    limits: dict[str, Limit] = field(default_factory=dict)
    since: dict[str, datetime] = field(default_factory=dict)

    @activity.defn(name="open_delinquency")
    def open(self, order: DelinquencyOrder) -> OpenedDelinquency:
        """The first episode of anybody who comes."""
        return OpenedDelinquency(
            case_id=f"delinquency/{order.tenant_id}/1",
            episode=1,
            opened_at=datetime.now(UTC),
            policy=STANDARD.accelerated(self.speed),
            calendar=CALENDAR,
        )

    @activity.defn(name="look_at_debts")
    def look(self, look: Look) -> Seen:
        """One invoice, until it is paid."""
        return self._seen(look.tenant_id)

    @activity.defn(name="take_delinquency_step")
    def take(self, step: LadderStep) -> StepTaken:
        """Done as planned."""
        tenant_id = step.look.tenant_id
        if step.limit:
            self.limits[tenant_id] = Limit(
                cause=Cause.DELINQUENCY,
                restriction=step.limit.restriction,
                rate_share=step.limit.rate_share,
                reason=step.limit.reason,
                since=datetime.now(UTC),
                case_id=step.look.case_id,
                by=step.limit.by,
            )
        if step.name == PAYS_AFTER:
            self.paid.add(tenant_id)
        return StepTaken(seen=self._seen(tenant_id), taken=True, posted=Posted.SENT)

    @activity.defn(name="restore_service")
    def restore(self, order: Restoration) -> Restored:
        """At once."""
        self.limits.pop(order.lift.tenant_id, None)
        return Restored(service=self._service(order.lift.tenant_id))

    @activity.defn(name="tell_delinquency")
    def tell(self, story: RecoveryStory) -> None:
        """Nobody reads it."""

    @activity.defn(name="write_to_tenant")
    def write(self, letter: LetterToTenant) -> Posted:
        """Nobody reads it."""
        return Posted.SENT

    @activity.defn(name="write_to_operators")
    def notify(self, notice: Notice) -> Posted:
        """Nobody reads it."""
        return Posted.SENT

    @activity.defn(name="open_payment_retry")
    def take_up(self, order: RetryOrder) -> OpenedRetry:
        """The original charge has failed."""
        receivable = self._receivable(order.tenant_id)
        return OpenedRetry(
            receivable=receivable,
            tried={Origin.SCHEDULED: 1},
            scheduled_since=1,
            last_tried_at=receivable.overdue_since,
            policy=STANDARD.accelerated(self.speed).payments,
        )

    @activity.defn(name="attempt_payment")
    def attempt(self, order: AttemptOrder) -> AttemptResult:
        """Declined, every time."""
        words = f"{OWED} was declined: insufficient_funds"
        return AttemptResult(
            outcome=Outcome.DECLINED, amount=OWED, decline_code="insufficient_funds", advice=Advice.RETRY, words=words
        )

    @activity.defn(name="refresh_receivables")
    def refresh(self, order: RefreshOrder) -> tuple[Receivable, ...]:
        """As it stands."""
        return tuple(self._receivable(one.removeprefix("inv-")) for one in order.invoice_ids)

    @activity.defn(name="close_payment_retry")
    def close(self, order: RetryOrder) -> None:
        """Nothing is kept."""

    @property
    def offered(self) -> tuple[list[Any], list[Any]]:
        """The activities of the worker's own queue, and those of the lane of payments; every one is on both."""
        methods = [
            self.open, self.look, self.take, self.restore, self.tell, self.write, self.notify, self.take_up, self.attempt,
            self.refresh, self.close,
        ]  # fmt: skip
        return [*methods, nothing], [*methods, nothing]

    def _seen(self, tenant_id: str) -> Seen:
        service = self._service(tenant_id)
        owed = (self._receivable(tenant_id),)
        return Seen(tier=Tier.PRO, receivables=owed, holds=(), service=service, cancelled=False, deletion_began=False)

    def _service(self, tenant_id: str) -> AccessStanding:
        limit = self.limits.get(tenant_id)
        if limit is None:
            return AccessStanding(tenant_id=tenant_id)
        return AccessStanding(
            tenant_id=tenant_id, restriction=limit.restriction, rate_share=limit.rate_share, limits=(limit,)
        )

    def _receivable(self, tenant_id: str) -> Receivable:
        is_paid = tenant_id in self.paid
        return Receivable(
            invoice_id=f"inv-{tenant_id}",
            number=f"INV-{tenant_id}",
            tenant_id=tenant_id,
            provider_invoice_id=f"in_{tenant_id}",
            status=InvoiceStatus.PAID if is_paid else InvoiceStatus.OPEN,
            currency="USD",
            due=OWED,
            remaining=Money.zero("USD") if is_paid else OWED,
            overdue_since=None if is_paid else self.since.setdefault(tenant_id, datetime.now(UTC)),
            read_at=datetime.now(UTC),
        )


def work_in(history: WorkflowHistory) -> Work:
    """Count it; signals are those that arrived."""
    kinds = Counter(event.WhichOneof("attributes") for event in history.events)
    return Work(
        activities=kinds["activity_task_scheduled_event_attributes"],
        noted=kinds["marker_recorded_event_attributes"],
        timers=kinds["timer_started_event_attributes"],
        signals=kinds["workflow_execution_signaled_event_attributes"],
    )


@asynccontextmanager
async def at_work(
    client: Client, queue: str, books: InstantBooks, *, cached: int = 1_000, bare: bool = False
) -> AsyncIterator[Sequence[Worker]]:
    """Workers for the runbooks and their lane of payments, or for the bare sleepers without isolation."""
    runbooks = [BareSleeper] if bare else [Delinquency, PaymentRetry, BareRecovery, BareRetries]
    own, lane = books.offered
    async with AsyncExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(20))
        workers = [
            Worker(
                client,
                task_queue=queue,
                workflows=runbooks,
                activities=own,
                activity_executor=threads,
                workflow_runner=UnsandboxedWorkflowRunner() if bare else sandboxed_runner(),
                max_cached_workflows=cached,
                workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
                activity_task_poller_behavior=PollerBehaviorAutoscaling(),
            ),
            Worker(client, task_queue=lane_queue(queue, PAYMENTS_LANE), activities=lane, activity_executor=threads),
        ]
        for worker in workers:
            await stack.enter_async_context(worker)
        yield workers
