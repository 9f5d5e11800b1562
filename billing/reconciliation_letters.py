"""What each letter about a reconciliation says, built from its report: facts only, the sentences are in the templates."""

from datetime import datetime

from billing.emails import DuplicatesFound, ReconciliationDiffers, ReconciliationNotFinished
from billing.reconciliation import Difference
from billing.reconciliation_report import ReconciliationReport
from billing.reconciling import ReconciliationOrder, Stage

# A letter that lists more is read by nobody; the report holds the rest.
_SHOWN = 10


def differences(order: ReconciliationOrder, report: ReconciliationReport) -> ReconciliationDiffers:
    """To finance and engineering: both sides are further apart than they may be (P5)."""
    return ReconciliationDiffers(
        case_id=order.case_id,
        reconciliation_id=order.reconciliation_id,
        period=order.period,
        outcome=report.in_words(),
        beyond=report.beyond,
        totals=tuple(
            f"{total.internal} in the books, {total.provider} at the provider, {total.apart} apart"
            for total in report.totals
        ),
        worst=tuple(one.in_words() for one in report.worst[:_SHOWN]),
    )


def duplicates_found(
    order: ReconciliationOrder, report: ReconciliationReport, decide_by: datetime, reminder: int
) -> DuplicatesFound:
    """To finance: what is double waits for a decision; `reminder` counts from 0."""
    listed = [one.in_words() for one in report.worst if one.difference is Difference.DUPLICATE]
    return DuplicatesFound(
        case_id=order.case_id,
        reconciliation_id=order.reconciliation_id,
        period=order.period,
        count=report.duplicates,
        duplicates=tuple(listed[:_SHOWN]),
        decide_by=decide_by,
        reminder=reminder,
    )


def not_finished(order: ReconciliationOrder, stage: Stage, why: str) -> ReconciliationNotFinished:
    """`why` as the step said it, without secrets."""
    return ReconciliationNotFinished(case_id=order.case_id, period=order.period, step=stage.value, what_happened=why)
