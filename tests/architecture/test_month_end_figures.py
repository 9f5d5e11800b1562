"""The month-end guide quotes the policy: each figure in it is the one in force."""

from datetime import timedelta

from billing.month_end import Ending, Stage
from billing.policy.raci import RACI
from billing.policy.standard import MONTH_END
from tests.architecture.guides import HERE, as_one_line

PAGE = (HERE / "docs" / "runbooks" / "month-end.md").read_text()
SENTENCES = as_one_line(PAGE)
HOUR = timedelta(hours=1)


def untold(sentences: list[str]) -> list[str]:
    return [sentence for sentence in sentences if sentence not in SENTENCES]


def test_times_and_sizes() -> None:
    said = [
        f"version {MONTH_END.version}",
        f"first of each month at {MONTH_END.starts_at:%H:%M}",
        f"made up for within {MONTH_END.catch_up_within.days} days",
        f"in ranges of {MONTH_END.shard_size:,} tenants",
        "They are tried again after 5 minutes and after 1 hour",
    ]

    assert not untold(said)
    assert MONTH_END.push_again_after == (timedelta(minutes=5), HOUR)


def test_bounds_and_the_review() -> None:
    approvals = MONTH_END.approvals

    said = [
        f"more than {MONTH_END.spike_factor} times the median of the tenant's invoices of the last "
        f"{MONTH_END.median_months} months",
        f"more than {MONTH_END.lines_at_most} lines",
        f"more than {100 * MONTH_END.total_moves_at_most:.0f} % above or below the previous period",
        f"repeated every {approvals.remind_every // HOUR} hours, climbs to the VP after "
        f"{approvals.escalate_after // HOUR} hours, and expires after {approvals.expire_after.days} days",
    ]

    assert not untold(said)


def test_every_stage_ending_and_owner_is_explained() -> None:
    stages = [f"| {stage} |" for stage in Stage if stage is not Stage.CLOSED]
    endings = [f"| {ending} |" for ending in Ending]
    letters = {"month-end": "the run", "run_review_requested": "review needed", "run_handed_over": "handed over"}
    owners = [f"| {name} | {RACI[job].responsible} | {RACI[job].accountable} |" for job, name in letters.items()]

    assert not [row for row in (*stages, *endings, *owners) if row not in PAGE]
