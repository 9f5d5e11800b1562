"""The numbers in force, and nothing else."""

from datetime import time, timedelta
from decimal import Decimal

from billing.access import Restriction
from billing.authority import Role
from billing.money import Money
from billing.policy.bundle import Policy
from billing.policy.credits import CreditPolicy, Payback
from billing.policy.detection import QualityCredit, QualityPolicy, QualityThreshold, UsagePolicy
from billing.policy.disputes import ApprovalPolicy, DisputePolicy, ProviderPolicy
from billing.policy.invoice_push import InvoicePushPolicy
from billing.policy.limits import AccessPolicy, LimitsPolicy, LimitStep, SpikePolicy
from billing.policy.month_end import MonthEndPolicy
from billing.policy.provider_events import ProviderEventsPolicy
from billing.policy.reconciliation import ReconciliationPolicy
from billing.policy.retention import RetentionPolicy
from billing.policy.sla import Budget, Counts, SlaPolicy, TierCommitment
from billing.policy.usage_intake import UsageIntakePolicy
from billing.tenants import Tier

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def _usd(major: str) -> Money:
    return Money.of(major, "USD")


STANDARD = Policy(
    version="2026-11",
    sla=SlaPolicy(
        commitments={
            Tier.ENTERPRISE: TierCommitment(
                initial_response=Budget(amount=4 * HOUR),
                investigation=Budget(amount=48 * HOUR),
                resolution=Budget(amount=72 * HOUR),
            ),
            Tier.PRO: TierCommitment(
                initial_response=Budget(amount=8 * HOUR),
                investigation=Budget(amount=72 * HOUR),
                resolution=Budget(amount=5 * DAY, counts=Counts.BUSINESS_DAYS),
            ),
            Tier.FREE: TierCommitment(
                initial_response=Budget(amount=24 * HOUR),
                investigation=Budget(amount=7 * DAY),
                resolution=Budget(amount=14 * DAY),
            ),
        },
        acknowledge_within=Budget(amount=4 * HOUR),
        triage=Budget(amount=24 * HOUR),
        data_collection=Budget(amount=48 * HOUR),
        root_cause=Budget(amount=72 * HOUR),
        warn_at=Decimal("0.75"),
        update_every=48 * HOUR,
    ),
    disputes=DisputePolicy(
        high_from=_usd("500"),
        normal_from=_usd("50"),
        escalate_above=_usd("1000"),
        pattern_tenants=3,
        pattern_window=30 * DAY,
        remind_customer_after=(3 * DAY, 7 * DAY),
        close_unanswered_after=14 * DAY,
    ),
    approvals=ApprovalPolicy(
        remind_every=8 * HOUR, escalate_after=24 * HOUR, expire_after=5 * DAY, refusals_at_most=25
    ),
    provider=ProviderPolicy(look_up_after=(5 * MINUTE, HOUR, DAY, DAY, DAY, DAY, DAY)),
    credits=CreditPolicy(
        reference_currency="USD",
        units_per_reference={"EUR": Decimal("0.90"), "GBP": Decimal("0.80"), "JPY": Decimal("150")},
        agent_limit=_usd("50"),
        lead_limit=_usd("500"),
        window=30 * DAY,
        corrected_invoice_above=_usd("10"),
        goodwill_limit=_usd("50"),
        payback=Payback.BALANCE,
    ),
    usage=UsagePolicy(
        baseline_days=28,
        spike_factor=Decimal(5),
        off_hours_from=time(22),
        off_hours_until=time(6),
        off_hours_share=Decimal("0.60"),
        failed_authentications=20,
    ),
    quality=QualityPolicy(
        thresholds={
            Tier.ENTERPRISE: QualityThreshold(error_rate=Decimal("0.005"), p95_ms=800, p99_ms=2_000),
            Tier.PRO: QualityThreshold(error_rate=Decimal("0.01"), p95_ms=1_500, p99_ms=4_000),
            Tier.FREE: QualityThreshold(error_rate=Decimal("0.05"), p95_ms=5_000, p99_ms=10_000),
        },
        credits=(
            QualityCredit(breached_share=Decimal("0.001"), share_of_charge=Decimal("0.10")),
            QualityCredit(breached_share=Decimal("0.01"), share_of_charge=Decimal("0.25")),
            QualityCredit(breached_share=Decimal("0.05"), share_of_charge=Decimal("0.50")),
        ),
        minimum_requests=20,
    ),
)

INVOICE_PUSH = InvoicePushPolicy(version="2026-11", days_until_due=30)

RECONCILIATION = ReconciliationPolicy(
    version="2026-11",
    starts_at=time(9),
    share=Decimal("0.005"),
    minor_units_a_line=1,
    remind_every=DAY,
    decide_within=5 * DAY,
)

# Up to a week (I9); Stripe itself sends an event for three days and lists it for thirty.
PROVIDER_EVENTS = ProviderEventsPolicy(
    version="2026-11",
    first_retry_after=MINUTE,
    grows_by=3,
    spaced_at_most=12 * HOUR,
    keep_trying=7 * DAY,
    look_every=MINUTE,
    events_a_batch=200,
    readings_at_once=4,
    sweep_overlap=2 * HOUR,
    sweep_reaches_back=30 * DAY,
)

# For the whole house; runs are not a matter between us and one tenant.
MONTH_END = MonthEndPolicy(
    version="2026-11",
    starts_at=time(6),
    usage_validated_at=time(5),
    catch_up_within=7 * DAY,
    spike_factor=Decimal(3),
    median_months=3,
    lines_at_most=200,
    total_moves_at_most=Decimal("0.25"),
    approvals=ApprovalPolicy(
        remind_every=4 * HOUR, escalate_after=24 * HOUR, expire_after=5 * DAY, refusals_at_most=25
    ),
    shard_size=1_000,
    shards_at_once=4,
    shards_before_a_new_run=250,
    documents_a_batch=25,
    batches_at_once=8,
    look_at_holds_every=HOUR,
    push_again_after=(5 * MINUTE, HOUR),
    reconciled_within=HOUR,
    listed_at_most=50,
)

# For the whole house too: collectors' clocks, not tenants, decide how far from now an event may be.
USAGE_INTAKE = UsageIntakePolicy(
    version="2026-11", ahead_at_most=HOUR, kept_for=800 * DAY, late_within=90 * DAY, validated_days=35
)

# For the whole house as well: whoever is throttled is told the numbers that everybody is throttled by.
LIMITS = LimitsPolicy(
    version="2026-11",
    alerts_at=(Decimal("0.80"), Decimal("0.90"), Decimal("1.00")),
    steps={
        Tier.ENTERPRISE: (),
        Tier.PRO: (
            LimitStep(at=Decimal("1.20"), restriction=Restriction.RATE_LIMITED, rate_share=Decimal("0.50")),
            LimitStep(at=Decimal("1.50"), restriction=Restriction.NEW_REQUESTS_BLOCKED, rate_share=Decimal(0)),
        ),
        Tier.FREE: (
            LimitStep(at=Decimal("1.00"), restriction=Restriction.NEW_REQUESTS_BLOCKED, rate_share=Decimal(0)),
        ),
    },
    reviewed_at={Tier.ENTERPRISE: Decimal("1.00")},
    spikes=SpikePolicy(baseline_days=28, factor=Decimal(5), used_days=7),
    letters_a_batch=250,
)

ACCESS = AccessPolicy(fresh_for=timedelta(seconds=2), asked_within=timedelta(milliseconds=250), repeated_for=DAY)

# A plan every Monday, confirmed by Sunday or made anew. Usage is kept for as long as it may still come in.
RETENTION = RetentionPolicy(
    version="2026-11",
    weekday=1,
    starts_at=time(7),
    confirm_within=6 * DAY,
    remind_every=2 * DAY,
    approved_by=(Role.VP,),
    approvals=ApprovalPolicy(
        remind_every=8 * HOUR, escalate_after=24 * HOUR, expire_after=5 * DAY, refusals_at_most=25
    ),
    usage_kept_for=USAGE_INTAKE.kept_for,
    batch=5_000,
    batches_a_step=200,
)
