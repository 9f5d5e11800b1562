"""The composition root: the one place where adapters meet activities and both meet the runbooks.

`python worker.py` runs a worker with the settings of the environment until SIGTERM or Ctrl-C; running steps then get
`GRACE` to finish. Any number of workers may run; Stripe's rate is kept by the server for all of them together.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from pydantic import SecretStr
from sqlalchemy import Engine
from temporalio.client import Client
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.worker import PollerBehaviorAutoscaling, Worker

from activities.approvals import Approvals
from activities.boundary import FailureBoundary
from activities.clock import Now, wall_clock
from activities.closing import ClosingDesk
from activities.credits import Credits
from activities.intake import Intake
from activities.investigation import Investigation
from activities.letters import Letters
from activities.operators import Operators
from activities.ports import (
    ApprovalDesk,
    CalendarSource,
    CaseBook,
    CreditBook,
    EffectLedger,
    EvidenceRoom,
    InvoiceArchive,
    OperatorDirectory,
    PaymentProvider,
    PolicyShelf,
    Postman,
    TenantDirectory,
    TicketDesk,
)
from adapters.calendars import PublicHolidays
from adapters.logs import write_logs
from adapters.mail.smtp import SmtpPostman
from adapters.policies import Policies
from adapters.postgres.approvals import Approvals as ApprovalBook
from adapters.postgres.cases import Cases
from adapters.postgres.credits import Credits as CreditLedger
from adapters.postgres.effects import Effects
from adapters.postgres.engine import open_engine
from adapters.postgres.evidence import PostgresEvidenceRoom
from adapters.postgres.invoices import Invoices
from adapters.postgres.operators import Operators as OperatorBook
from adapters.postgres.tenants import Tenants
from adapters.postgres.ticket_notes import TicketNotes
from adapters.stripe.provider import StripeProvider
from adapters.zendesk import ZendeskDesk
from settings import Settings, SettingsError, load_settings
from starters.connect import connect
from workflows import RUNBOOKS
from workflows.blocks.sandbox import sandboxed_runner
from workflows.blocks.steps import PAYMENTS_LANE, lane_queue

GRACE = timedelta(seconds=20)
ACTIVITY_THREADS = 20
log = structlog.get_logger("worker")

# Three calls fit into one try of the MONEY allowance.
STRIPE_ANSWERS_WITHIN = 10.0
# Under Stripe's 25 requests a second of a sandbox account; one credit needs up to three.
PAYMENTS_A_SECOND = 8.0


@dataclass(frozen=True)
class Ports:
    """Everything the activities need from outside, in one place to compose and to replace in tests."""

    tenants: TenantDirectory
    invoices: InvoiceArchive
    policies: PolicyShelf
    calendars: CalendarSource
    register: CaseBook
    evidence: EvidenceRoom
    effects: EffectLedger
    credits: CreditBook
    desk: ApprovalDesk
    operators: OperatorDirectory
    provider: PaymentProvider
    postman: Postman
    tickets: TicketDesk
    now: Now = wall_clock


Activity = Callable[..., Any]


def activities(ports: Ports) -> tuple[list[Activity], list[Activity]]:
    """Every activity, bound to its ports: the ordinary ones, and those of the payments lane."""
    intake = Intake(ports.tenants, ports.invoices, ports.policies, ports.calendars, ports.register, ports.now)
    investigation = Investigation(ports.evidence, ports.tenants, ports.invoices, ports.credits)
    credit = Credits(
        ports.evidence,
        ports.tenants,
        ports.invoices,
        ports.register,
        ports.credits,
        ports.effects,
        ports.provider,
        ports.operators,
        ports.now,
    )
    approvals, letters = Approvals(ports.desk), Letters(ports.postman, ports.effects, ports.operators, ports.now)
    closing = ClosingDesk(ports.register, ports.tickets)
    ordinary: list[Activity] = [
        intake.open_case,
        investigation.collect,
        investigation.analyse,
        credit.propose,
        credit.check,
        credit.withdraw,
        approvals.ask,
        approvals.decide,
        approvals.climb,
        approvals.expire,
        letters.to_customer,
        letters.to_operators,
        letters.notify,
        closing.record,
        closing.note,
        Operators(ports.operators).objection,
    ]
    return ordinary, [credit.issue]


@asynccontextmanager
async def working(
    client: Client, task_queue: str, ports: Ports, *, payments_a_second: float = PAYMENTS_A_SECOND, **options: Any
) -> AsyncIterator[Sequence[Worker]]:
    """Workers for the runbooks and for the payments lane, running until the block is left; `options` go to both."""
    ordinary, payments = activities(ports)
    async with AsyncExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(ACTIVITY_THREADS, thread_name_prefix="activity"))
        shared: dict[str, Any] = {
            "activity_executor": threads,
            "interceptors": [FailureBoundary()],
            "graceful_shutdown_timeout": GRACE,
            "max_concurrent_activities": ACTIVITY_THREADS // 2,
            **options,
        }
        runbooks = Worker(
            client,
            task_queue=task_queue,
            workflows=RUNBOOKS,
            activities=ordinary,
            workflow_runner=sandboxed_runner(),
            workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
            activity_task_poller_behavior=PollerBehaviorAutoscaling(),
            **shared,
        )
        lane = Worker(
            client,
            task_queue=lane_queue(task_queue, PAYMENTS_LANE),
            activities=payments,
            max_task_queue_activities_per_second=payments_a_second,
            **shared,
        )
        await stack.enter_async_context(runbooks)
        await stack.enter_async_context(lane)
        yield runbooks, lane


@dataclass(frozen=True)
class Vendors:
    """What is outside the house: the payment provider, the mail, the support desk."""

    provider: PaymentProvider
    postman: Postman
    tickets: TicketDesk | None = None


def ports_over(engine: Engine, evidence: Path, vendors: Vendors, *, speed: int = 1) -> Ports:
    """Every port over one database; `evidence` is the folder of exported files, `speed` divides policy durations."""
    policies = Policies(engine, speed)
    return Ports(
        tenants=Tenants(engine),
        invoices=Invoices(engine),
        policies=policies,
        calendars=PublicHolidays(),
        register=Cases(engine),
        evidence=PostgresEvidenceRoom(engine, evidence),
        effects=Effects(engine, policies),
        credits=CreditLedger(engine),
        desk=ApprovalBook(engine, policies),
        operators=OperatorBook(engine),
        provider=vendors.provider,
        postman=vendors.postman,
        tickets=vendors.tickets or TicketNotes(engine),
    )


def ports_from(settings: Settings) -> Ports:
    """The real adapters, as the settings name them; raises SettingsError with a line for each one that is missing."""
    settings.need("database_url", "stripe_api_key", "smtp_host", "mail_from")
    engine = open_engine(_secret(settings.database_url), application="worker")
    vendors = Vendors(provider=_stripe(settings), postman=_postman(settings), tickets=_zendesk(settings, engine))
    return ports_over(engine, settings.evidence, vendors, speed=settings.speed)


def _stripe(settings: Settings) -> PaymentProvider:
    return StripeProvider(_secret(settings.stripe_api_key), settings.stripe_api_base, timeout=STRIPE_ANSWERS_WITHIN)


def _postman(settings: Settings) -> Postman:
    return SmtpPostman(
        settings.smtp_host or "",
        settings.smtp_port,
        settings.mail_from or "",
        starttls=settings.smtp_starttls,
        username=settings.smtp_username or "",
        password=_secret(settings.smtp_password),
    )


def _zendesk(settings: Settings, engine: Engine) -> TicketDesk | None:
    """Notes go to Zendesk for its own tickets, and to our table for those that came another way."""
    if settings.zendesk_url is None:
        return None
    settings.need("zendesk_email", "zendesk_api_token")
    token = _secret(settings.zendesk_api_token)
    return ZendeskDesk(settings.zendesk_url, settings.zendesk_email or "", token, elsewhere=TicketNotes(engine))


def _secret(value: SecretStr | None) -> str:
    return value.get_secret_value() if value else ""


async def run(settings: Settings) -> None:
    """Work until SIGTERM or Ctrl-C; running steps get `GRACE` to finish."""
    metrics = PrometheusConfig(
        bind_address=f"{settings.metrics_host}:{settings.metrics_port}", durations_as_seconds=True
    )
    runtime = Runtime(telemetry=TelemetryConfig(metrics=metrics))
    client = await connect(settings, patient=True, runtime=runtime)
    stop = asyncio.Event()
    for asked in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(asked, stop.set)
    async with working(client, settings.task_queue, ports_from(settings)):
        log.info("worker ready", task_queue=settings.task_queue, temporal=settings.temporal_address)
        await stop.wait()
    log.info("worker stopped")


def main() -> None:
    """Exit 2 with a line for each missing setting, 0 after a stop that was asked for."""
    write_logs()
    try:
        asyncio.run(run(load_settings()))
    except SettingsError as error:
        raise SystemExit(f"The worker cannot start:\n{error}") from None


if __name__ == "__main__":
    main()
