"""Every runbook: what workers run and what tests replay.

It is no part of the package itself: the isolated copy of a runbook would import all the others with it.
"""

from workflows.delinquency import Delinquency
from workflows.dispute import Dispute
from workflows.invoice_correction import InvoiceCorrection
from workflows.month_end import MonthEnd
from workflows.month_end_schedule import ScheduledMonthEnd
from workflows.payment_collection import PaymentCollection
from workflows.payment_retry import PaymentRetry
from workflows.provider_events import StripeEvents
from workflows.provider_events_sweep import StripeEventsSweep
from workflows.reconciliation import Reconciliation
from workflows.reconciliation_schedule import ScheduledReconciliation
from workflows.retention import RetentionPurge
from workflows.retention_schedule import ScheduledRetention
from workflows.usage_limits import UsageLimitsCheck
from workflows.usage_validation import UsageValidation

RUNBOOKS = [
    Dispute,
    Delinquency,
    MonthEnd,
    UsageValidation,
    Reconciliation,
    InvoiceCorrection,
    PaymentCollection,
    PaymentRetry,
    RetentionPurge,
    StripeEvents,
    StripeEventsSweep,
    UsageLimitsCheck,
]
# What schedules start: these only start a runbook, under the name that its subject has.
ON_SCHEDULE = [ScheduledMonthEnd, ScheduledReconciliation, ScheduledRetention]
