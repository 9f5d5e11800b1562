"""Every activity, bound to the ports it works over, by the lane it runs on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from activities.access import Access
from activities.access_ports import Restrictions, RunningUsages, UsageRegister
from activities.approvals import Approvals
from activities.clock import Now, wall_clock
from activities.closing import ClosingDesk
from activities.correction_letters import CorrectionLetters
from activities.credits import Credits
from activities.delinquency import Delinquencies
from activities.delinquency_ports import DelinquencyBook
from activities.documents import Documents
from activities.intake import Intake
from activities.investigation import Investigation
from activities.invoice_correction import InvoiceCorrections
from activities.invoice_correction_ports import CorrectionBook
from activities.invoice_push import InvoicePushing
from activities.invoicing_ports import (
    BillingRuns,
    DocumentPress,
    Holds,
    InvoiceCourier,
    InvoicePush,
    RollUps,
    RunReviews,
)
from activities.lanes import BULK_LANE, INVOICES_LANE, PAYMENTS_LANE
from activities.letters import Letters
from activities.month_end import MonthEnds
from activities.operators import Operators
from activities.payment_ports import Collector, ReceivablesBook
from activities.payments import Payments
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
from activities.provider_events import ProviderEvents
from activities.provider_events_ports import EventBook, EventSource
from activities.push_ports import InvoiceProvider
from activities.reconciliation import Reconciliations
from activities.reconciliation_ports import ReconciliationBook
from activities.recovery_letters import RecoveryLetters
from activities.retention import Retention
from activities.retention_ports import DeletionQueue, RetentionBook
from activities.usage import UsageChecks, UsageWatch
from activities.usage_limits import UsageLimits
from billing.policy.standard import LIMITS, USAGE_INTAKE


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
    runs: BillingRuns
    reviews: RunReviews
    rollups: RollUps
    usage: UsageWatch
    holds: Holds
    pushing: InvoicePush
    press: DocumentPress
    courier: InvoiceCourier
    invoicing: InvoiceProvider
    reconciliations: ReconciliationBook
    corrections: CorrectionBook
    retention: RetentionBook
    collector: Collector
    receivables: ReceivablesBook
    restrictions: Restrictions
    running_usage: RunningUsages
    usage_register: UsageRegister
    delinquencies: DelinquencyBook
    deletion: DeletionQueue
    events: EventBook
    event_source: EventSource
    now: Now = wall_clock


Activity = Callable[..., Any]
ByLane = dict[str, list[Activity]]
# The lane of everything that has none of its own: the workers' own task queue.
ORDINARY = ""


def activities(ports: Ports) -> ByLane:
    """Every activity, bound to its ports, by the lane it runs on."""
    by_lane: ByLane = {ORDINARY: [], PAYMENTS_LANE: [], INVOICES_LANE: [], BULK_LANE: []}
    for room in (_on_cases, _on_runs, _on_invoices, _on_usage, _on_recovery, _on_retention):
        for lane, offered in room(ports).items():
            by_lane[lane] += offered
    return by_lane


def _on_runs(ports: Ports) -> ByLane:
    runs = MonthEnds(ports.runs, ports.reviews, ports.rollups, ports.holds, ports.policies, ports.now)
    documents = Documents(ports.press, ports.courier)
    bulk: list[Activity] = [
        runs.preflight,
        runs.close_usage,
        runs.roll_up,
        runs.shards,
        runs.waiting,
        runs.rate,
        runs.check,
        runs.finalise,
        runs.abandon,
        documents.print,
    ]
    ordinary: list[Activity] = [
        runs.open,
        runs.held,
        runs.propose,
        runs.withdraw,
        runs.release,
        runs.park,
        runs.close,
        documents.deliver,
    ]
    return {ORDINARY: ordinary, BULK_LANE: bulk}


def _on_invoices(ports: Ports) -> ByLane:
    """Issued ones: pushed, compared with the provider's, corrected."""
    comparing = Reconciliations(ports.reconciliations, ports.invoicing, ports.effects, ports.policies, ports.now)
    correcting = _correcting(ports)
    telling = CorrectionLetters(_writing(ports), ports.tenants, ports.press)
    return {
        ORDINARY: [
            comparing.open,
            comparing.close,
            correcting.open,
            correcting.propose,
            correcting.close,
            telling.tell,
        ],
        PAYMENTS_LANE: [correcting.carry_out],
        INVOICES_LANE: [InvoicePushing(ports.pushing).push, comparing.void],
        BULK_LANE: [comparing.read, comparing.compare],
    }


def _on_usage(ports: Ports) -> ByLane:
    """Rolled up, validated, and held against what a plan includes."""
    usage = UsageChecks(ports.rollups, ports.usage, USAGE_INTAKE)
    access, limits = Access(ports.restrictions, ports.now), _limiting(ports)
    return {
        ORDINARY: [access.restrict, access.lift, limits.tell],
        BULK_LANE: [usage.bring_up_to_date, usage.validate, limits.check],
    }


def _on_retention(ports: Ports) -> ByLane:
    purging = Retention(ports.retention, ports.restrictions, ports.policies, ports.now)
    return {
        ORDINARY: [purging.propose, purging.close],
        BULK_LANE: [purging.plan, purging.begin, purging.carry_out, purging.certify],
    }


def _writing(ports: Ports) -> Letters:
    return Letters(ports.postman, ports.effects, ports.operators, ports.now)


def _limiting(ports: Ports) -> UsageLimits:
    letters = _writing(ports)
    return UsageLimits(
        ports.restrictions,
        ports.running_usage,
        ports.usage_register,
        ports.holds,
        letters,
        RecoveryLetters(letters, ports.tenants),
        LIMITS,
        ports.now,
    )


def _recovering(ports: Ports, writing: RecoveryLetters) -> Delinquencies:
    return Delinquencies(
        ports.delinquencies,
        ports.receivables,
        _collecting(ports),
        Access(ports.restrictions, ports.now),
        writing,
        ports.deletion,
        ports.tenants,
        ports.operators,
        ports.policies,
        ports.calendars,
        ports.effects,
        ports.invoicing,
        ports.now,
    )


def _collecting(ports: Ports) -> Payments:
    return Payments(
        ports.receivables,
        ports.effects,
        ports.collector,
        ports.tenants,
        ports.policies,
        ports.holds,
        ports.now,
    )


def _on_recovery(ports: Ports) -> ByLane:
    """Collecting debts, hearing of them, and recovering a tenant; what asks the payment provider has its lane."""
    writing = RecoveryLetters(_writing(ports), ports.tenants)
    collecting, recovering = _collecting(ports), _recovering(ports, writing)
    hearing = ProviderEvents(ports.events, ports.event_source, collecting, ports.receivables, ports.policies, ports.now)
    ordinary: list[Activity] = [
        writing.write,
        collecting.due,
        collecting.close,
        hearing.process,
        hearing.settle,
        hearing.sweep,
        recovering.open,
        recovering.look,
        recovering.debtor,
        recovering.restore,
        recovering.spare,
        recovering.tell,
        recovering.role_of,
        recovering.arrange,
        recovering.put_in_force,
        recovering.settle,
    ]
    asking: list[Activity] = [
        collecting.open,
        collecting.refresh,
        collecting.attempt,
        collecting.look_up,
        recovering.look,
        recovering.take,
        recovering.note_payment,
    ]
    return {ORDINARY: ordinary, PAYMENTS_LANE: asking}


def _correcting(ports: Ports) -> InvoiceCorrections:
    return InvoiceCorrections(
        ports.corrections,
        ports.credits,
        ports.invoices,
        ports.tenants,
        ports.effects,
        ports.provider,
        ports.operators,
        ports.policies,
        ports.now,
    )


def _on_cases(ports: Ports) -> ByLane:
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
    approvals, letters = Approvals(ports.desk), _writing(ports)
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
    return {ORDINARY: ordinary, PAYMENTS_LANE: [credit.issue]}
