"""What each letter about a month end says, built from the run: facts only, the sentences are in the templates."""

from billing.cases import PendingApproval
from billing.month_end import Ending, Outcome, RunStory
from billing.run_emails import RunClosed, RunHandedOver, RunReviewRequested
from billing.run_reports import CurrencyTotal, RunReport, RunReview
from billing.wording import counted, listed, percent

# A letter that lists more is read by nobody; the report holds the rest.
_SHOWN = 10
_ISSUED = (Ending.CLOSED, Ending.CLOSED_WITH_LEFTOVERS)


def total_in_words(total: CurrencyTotal) -> str:
    """Such as `USD 1200.00 in 40 invoices, 4.2 % above the previous period`."""
    sentence = f"{total.total} in {counted(total.invoices, 'invoice')}"
    moved = total.moved
    if moved is None:
        return sentence
    direction = "above" if moved > 0 else "below"
    change = f"{percent(abs(moved))} {direction}" if moved else "the same as"
    return f"{sentence}; the period is {change} the previous one" if moved else f"{sentence}; {change} the previous one"


def question_for(review: RunReview) -> str:
    """What finance is asked, in one sentence."""
    report = review.report
    totals = listed([str(one.total) for one in report.totals])
    return (
        f"May {counted(report.invoices, 'invoice')} of {report.period} be issued, {totals}? "
        f"It needs a review: {listed(review.reasons)}."
    )


def review_requested(
    report: RunReport, reasons: tuple[str, ...], pending: PendingApproval, reminder: int
) -> RunReviewRequested:
    """`reminder` 0 is the first asking; long lists are cut, and the counts beside them are whole."""
    return RunReviewRequested(
        approval_id=pending.approval_id,
        case_id=pending.case_id,
        run_id=report.run_id,
        period=report.period,
        role=pending.role,
        invoices=counted(report.invoices, "invoice"),
        totals=tuple(total_in_words(one) for one in report.totals),
        reasons=reasons,
        flags=tuple(f"{flag.tenant_id}: {flag.detail}" for flag in report.flags[:_SHOWN]),
        flagged=sum(report.flagged.values()),
        stopped=tuple(f"{one.tenant_id}: {one.reason}" for one in report.stopped[:_SHOWN]),
        stopped_count=_stopped(report),
        question=pending.question,
        requested_by=pending.requested_by,
        expires_at=pending.expires_at,
        reminder=reminder,
    )


def handed_over(story: RunStory, what_happened: str) -> RunHandedOver:
    """`what_happened` as the step said it, without secrets."""
    return RunHandedOver(
        case_id=story.case_id,
        period=story.period,
        step=story.stage.value,
        what_happened=what_happened,
        dry_run=story.dry_run,
    )


def run_closed(story: RunStory, report: RunReport | None, ending: Ending, why: str) -> RunClosed:
    """Also for a run that issued nothing; `report` None when it ended before it was rated."""
    return RunClosed(
        case_id=story.case_id,
        run_id=story.run_id,
        period=story.period,
        ending=ending.value,
        why=why,
        issued=counted(report.invoices, "invoice") if report and ending in _ISSUED else "nothing",
        totals=tuple(total_in_words(one) for one in report.totals) if report else (),
        reconciled=story.reconciled or "",
        stopped=tuple(f"{one.tenant_id}: {one.reason}" for one in report.stopped[:_SHOWN]) if report else (),
        stopped_count=_stopped(report) if report else 0,
        left=tuple(f"{one.number} ({one.tenant_id}): {one.why}" for one in story.left[:_SHOWN]),
        left_count=story.left_count,
    )


def _stopped(report: RunReport) -> int:
    return report.outcomes.get(Outcome.PARKED, 0) + report.outcomes.get(Outcome.HELD, 0)
