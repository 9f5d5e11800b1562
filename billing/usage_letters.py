"""What the letter about a day's validation says, built from its report."""

from datetime import date, timedelta

from billing.emails import UsageToLookAt
from billing.rollups import RollUpFinding
from billing.usage import RepeatedEvent
from billing.usage_validation import UsageReport
from billing.wording import counted, listed, written

# A letter that lists more is read by nobody.
SHOWN = 10


def look_at(case_id: str, report: UsageReport) -> UsageToLookAt:
    """The findings in sentences, the first of each kind, beside their numbers."""
    return UsageToLookAt(
        case_id=case_id,
        first=report.first.isoformat(),
        last=(report.end - timedelta(days=1)).isoformat(),
        summary=summary(report),
        disagreeing=report.disagreeing,
        findings=tuple(finding_in_words(one) for one in report.findings[:SHOWN]),
        repeated=report.repeated,
        repeated_events=tuple(repeated_in_words(one) for one in report.repeated_events[:SHOWN]),
        waiting=report.waiting,
    )


def not_validated(case_id: str, day: date, why: str) -> UsageToLookAt:
    """The validation of the days before `day` gave up."""
    last = (day - timedelta(days=1)).isoformat()
    return UsageToLookAt(case_id=case_id, first=last, last=last, summary=why, failed=True)


def summary(report: UsageReport) -> str:
    """Such as `2 days disagree with their events and 1 row waits in quarantine`."""
    parts = [
        f"{counted(report.disagreeing, 'day')} {_verb(report.disagreeing, 'disagree')} with the raw events",
        f"{counted(report.repeated, 'event id')} {_verb(report.repeated, 'stand')} under several times",
        f"{counted(report.waiting, 'row')} {_verb(report.waiting, 'wait')} in quarantine",
    ]
    told = [
        part for part, count in zip(parts, (report.disagreeing, report.repeated, report.waiting), strict=True) if count
    ]
    return listed(told) or "every roll-up agrees with its events"


def finding_in_words(finding: RollUpFinding) -> str:
    """Such as `tarnwick, tokens_in, 2026-10-03: 1,200 units rolled up of 1,300 in 41 events`."""
    return (
        f"{finding.tenant_id}, {finding.meter}, {finding.day}: {written(finding.rolled_quantity)} rolled up from "
        f"{counted(finding.rolled_events, 'event')}, {written(finding.raw_quantity)} stored in "
        f"{counted(finding.raw_events, 'event')}"
    )


def repeated_in_words(repeated: RepeatedEvent) -> str:
    """One id with the moments it stands under."""
    times = listed([f"{at:%Y-%m-%d %H:%M:%S}" for at in repeated.times], at_most=3)
    return f"{repeated.event_id} of {repeated.tenant_id}, {repeated.meter}: {times} UTC"


def _verb(count: int, verb: str) -> str:
    return f"{verb}s" if count == 1 else verb
