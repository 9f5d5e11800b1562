"""The composition root: the one place where adapters meet activities and both meet the runbooks.

`python worker.py` runs a worker with the settings of the environment until SIGTERM or Ctrl-C; running steps then get
`GRACE` to finish. Any number of workers may run; Stripe's rate is kept by the server for all of them together.
"""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from pydantic import SecretStr
from sqlalchemy import Engine
from temporalio.client import Client
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.worker import PollerBehaviorAutoscaling, Worker

from activities.binding import ORDINARY, Ports, activities
from activities.boundary import FailureBoundary
from activities.clock import wall_clock
from activities.delivery import Courier
from activities.invoice_push import PushedByEffects
from activities.invoicing_ports import RollUps
from activities.lanes import BULK_LANE, INVOICES_LANE, PAYMENTS_LANE, lane_queue
from activities.letters import Letters
from activities.payment_ports import Collector
from activities.ports import PaymentProvider, Postman, TicketDesk
from activities.provider_events_ports import EventSource
from activities.push_ports import InvoiceProvider
from adapters.calendars import PublicHolidays
from adapters.clickhouse.usage import ClickHouseUsage
from adapters.document_files import DocumentFiles
from adapters.logs import write_logs
from adapters.mail.smtp import SmtpPostman
from adapters.no_events import NoEvents
from adapters.policies import Policies
from adapters.postgres.approvals import Approvals as ApprovalBook
from adapters.postgres.billing_runs import PostgresBillingRuns
from adapters.postgres.cases import Cases
from adapters.postgres.copied_rollups import CopiedRollUps
from adapters.postgres.credits import Credits as CreditLedger
from adapters.postgres.delinquencies import PostgresDelinquencies
from adapters.postgres.deliveries import Deliveries
from adapters.postgres.effects import Effects
from adapters.postgres.engine import open_engine
from adapters.postgres.evidence import PostgresEvidenceRoom
from adapters.postgres.holds import PostgresHolds
from adapters.postgres.invoice_corrections import PostgresCorrections
from adapters.postgres.invoice_pushes import InvoicePushes
from adapters.postgres.invoices import Invoices
from adapters.postgres.operators import Operators as OperatorBook
from adapters.postgres.pace import ProviderPace
from adapters.postgres.press import Press
from adapters.postgres.provider_events import ProviderEvents as EventBook
from adapters.postgres.receivables import PostgresReceivables
from adapters.postgres.reconciliation import PostgresReconciliations
from adapters.postgres.restrictions import PostgresRestrictions
from adapters.postgres.retention.candidates import DeletionCandidates
from adapters.postgres.retention.purge import PostgresRetention
from adapters.postgres.rollups import PostgresRollUps
from adapters.postgres.run_reviews import PostgresRunReviews
from adapters.postgres.running_usage import PostgresRunningUsage
from adapters.postgres.stored_usage import StoredUsage
from adapters.postgres.tenants import Tenants
from adapters.postgres.ticket_notes import TicketNotes
from adapters.postgres.usage_register import PostgresUsageRegister
from adapters.stripe.events import StripeEvents
from adapters.stripe.invoices import StripeInvoices
from adapters.stripe.payments import StripeCollector
from adapters.stripe.provider import StripeProvider
from adapters.stripe.rates import StripeRates
from adapters.zendesk import ZendeskDesk
from billing.policy.standard import INVOICE_PUSH, MONTH_END, USAGE_INTAKE
from settings import Settings, SettingsError, load_settings
from starters.connect import connect
from workflows.blocks.sandbox import sandboxed_runner
from workflows.registry import ON_SCHEDULE, RUNBOOKS

GRACE = timedelta(seconds=20)
ACTIVITY_THREADS = 20
log = structlog.get_logger("worker")

# Three calls fit into one try of the MONEY allowance.
STRIPE_ANSWERS_WITHIN = 10.0
# Where nothing else is said: what Stripe allows a sandbox account.
SANDBOX_RATES = StripeRates(requests_a_second=25.0)
# Rating keeps a core busy; the second has the next shard read and written meanwhile.
BULK_AT_ONCE = 2


@asynccontextmanager
async def working(
    client: Client, task_queue: str, ports: Ports, *, rates: StripeRates = SANDBOX_RATES, **options: Any
) -> AsyncIterator[Sequence[Worker]]:
    """Workers for the runbooks, then one for each lane, running until the block is left; `options` go to all of them."""
    by_lane = activities(ports)
    async with AsyncExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(ACTIVITY_THREADS, thread_name_prefix="activity"))
        shared: dict[str, Any] = {
            "activity_executor": threads,
            "interceptors": [FailureBoundary()],
            "graceful_shutdown_timeout": GRACE,
            "max_concurrent_activities": ACTIVITY_THREADS // 2,
            **options,
        }
        workers = [
            Worker(
                client,
                task_queue=task_queue,
                workflows=[*RUNBOOKS, *ON_SCHEDULE],
                activities=by_lane.pop(ORDINARY),
                workflow_runner=sandboxed_runner(),
                workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
                activity_task_poller_behavior=PollerBehaviorAutoscaling(),
                **shared,
            )
        ]
        own = _of_lanes(rates)
        for lane, offered in by_lane.items():
            queue = lane_queue(task_queue, lane)
            workers.append(Worker(client, task_queue=queue, activities=offered, **{**shared, **own[lane]}))
        for worker in workers:
            await stack.enter_async_context(worker)
        yield workers


def _of_lanes(rates: StripeRates) -> dict[str, dict[str, Any]]:
    """What the workers of each lane have of their own; a rate is kept by the server for all workers together."""
    batches = rates.batches_a_second(MONTH_END.documents_a_batch)
    return {
        PAYMENTS_LANE: {"max_task_queue_activities_per_second": rates.payments_a_second},
        INVOICES_LANE: {"max_task_queue_activities_per_second": batches},
        BULK_LANE: {"max_concurrent_activities": BULK_AT_ONCE},
    }


@dataclass(frozen=True)
class Vendors:
    """What is outside the house: the payment provider with its sides, the mail, the support desk."""

    provider: PaymentProvider
    invoicing: InvoiceProvider
    collector: Collector
    postman: Postman
    tickets: TicketDesk | None = None
    events: EventSource | None = None


def ports_over(
    engine: Engine,
    evidence: Path,
    vendors: Vendors,
    *,
    documents: Path | None = None,
    speed: int = 1,
    recovery_speed: int | None = None,
    zone: str = "UTC",
) -> Ports:
    """Every port over one database; `evidence` and `documents` (else a folder in the former) are where files are kept,
    `speed` divides policy durations, `recovery_speed` those of payment recovery instead, months end in `zone`."""
    policies = Policies(engine, speed, zone, recovery_speed=recovery_speed)
    effects, operators = Effects(engine, policies), OperatorBook(engine)
    files = DocumentFiles(documents or evidence / "documents")
    return Ports(
        tenants=Tenants(engine),
        invoices=Invoices(engine),
        policies=policies,
        calendars=PublicHolidays(),
        register=Cases(engine),
        evidence=PostgresEvidenceRoom(engine, evidence),
        effects=effects,
        credits=CreditLedger(engine),
        desk=ApprovalBook(engine, policies),
        operators=operators,
        provider=vendors.provider,
        postman=vendors.postman,
        tickets=vendors.tickets or TicketNotes(engine),
        runs=PostgresBillingRuns(engine),
        reviews=PostgresRunReviews(engine),
        rollups=PostgresRollUps(engine, wall_clock),
        usage=StoredUsage(engine),
        holds=PostgresHolds(engine),
        pushing=PushedByEffects(InvoicePushes(engine), effects, vendors.invoicing, wall_clock),
        press=Press(engine, files),
        courier=Courier(Deliveries(engine), Letters(vendors.postman, effects, operators, wall_clock)),
        invoicing=vendors.invoicing,
        reconciliations=PostgresReconciliations(engine),
        corrections=PostgresCorrections(engine),
        retention=PostgresRetention(engine, evidence, files),
        collector=vendors.collector,
        receivables=PostgresReceivables(engine),
        restrictions=PostgresRestrictions(engine),
        running_usage=PostgresRunningUsage(engine),
        usage_register=PostgresUsageRegister(engine),
        delinquencies=PostgresDelinquencies(engine),
        deletion=DeletionCandidates(engine),
        events=EventBook(engine),
        event_source=vendors.events or NoEvents(),
    )


def ports_from(settings: Settings) -> Ports:
    """The real adapters, as the settings name them; raises SettingsError with a line for each one that is missing."""
    settings.need("database_url", "stripe_api_key", "smtp_host", "mail_from")
    engine = open_engine(_secret(settings.database_url), application="worker")
    vendors = Vendors(
        provider=_stripe(settings),
        invoicing=_stripe_invoices(settings, engine),
        collector=_stripe_collector(settings),
        postman=_postman(settings, engine),
        tickets=_zendesk(settings, engine),
        events=_stripe_events(settings, engine),
    )
    ports = ports_over(
        engine,
        settings.evidence,
        vendors,
        documents=settings.documents,
        speed=settings.speed,
        recovery_speed=settings.recovery_speed,
        zone=settings.zone,
    )
    return replace(ports, rollups=_rollups(settings, engine)) if settings.clickhouse_url else ports


def _rollups(settings: Settings, engine: Engine) -> RollUps:
    """Roll-ups of usage whose events live in ClickHouse."""
    totals = ClickHouseUsage.at(_secret(settings.clickhouse_url))
    return CopiedRollUps(engine, totals, wall_clock, days_back=USAGE_INTAKE.validated_days)


def _stripe(settings: Settings) -> PaymentProvider:
    return StripeProvider(_secret(settings.stripe_api_key), settings.stripe_api_base, timeout=STRIPE_ANSWERS_WITHIN)


def _stripe_invoices(settings: Settings, engine: Engine) -> InvoiceProvider:
    pace = ProviderPace(engine, INVOICES_LANE, _rates(settings).invoice_requests_a_second)
    return StripeInvoices(
        _secret(settings.stripe_api_key), INVOICE_PUSH, settings.stripe_api_base, STRIPE_ANSWERS_WITHIN, pace
    )


def _stripe_collector(settings: Settings) -> Collector:
    return StripeCollector(_secret(settings.stripe_api_key), settings.stripe_api_base, timeout=STRIPE_ANSWERS_WITHIN)


def _stripe_events(settings: Settings, engine: Engine) -> EventSource:
    pace = ProviderPace(engine, INVOICES_LANE, _rates(settings).invoice_requests_a_second)
    return StripeEvents(
        _secret(settings.stripe_api_key), settings.stripe_api_base, timeout=STRIPE_ANSWERS_WITHIN, pace=pace
    )


def _rates(settings: Settings) -> StripeRates:
    return StripeRates(settings.stripe_requests_a_second)


def _postman(settings: Settings, engine: Engine) -> Postman:
    return SmtpPostman(
        settings.smtp_host or "",
        settings.smtp_port,
        settings.mail_from or "",
        starttls=settings.smtp_starttls,
        username=settings.smtp_username or "",
        password=_secret(settings.smtp_password),
        documents=Press(engine, DocumentFiles(settings.documents)),
        billing_portal_url=settings.billing_portal_url or "",
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
    async with working(client, settings.task_queue, ports_from(settings), rates=_rates(settings)):
        remember_what_is_loaded()
        log.info("worker ready", task_queue=settings.task_queue, temporal=settings.temporal_address)
        await stop.wait()
    log.info("worker stopped")


def remember_what_is_loaded() -> None:
    """Take what was loaded so far for good out of the garbage collector's sight. It waits until a quarter of what it knows
    is new, so with everything loaded in its sight, what cases leave behind would stay for long."""
    gc.collect()
    gc.freeze()


def main() -> None:
    """Exit 2 with a line for each missing setting, 0 after a stop that was asked for."""
    write_logs()
    try:
        asyncio.run(run(load_settings()))
    except SettingsError as error:
        raise SystemExit(f"The worker cannot start:\n{error}") from None


if __name__ == "__main__":
    main()
