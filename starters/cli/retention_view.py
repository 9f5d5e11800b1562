"""How a retention plan looks in a terminal: what would go by customer and table, what stays, and what to type next."""

from datetime import UTC, datetime

from billing.retention import WORD, PlanOnRecord, PurgePlan, PurgeStory, Stage
from billing.wording import counted
from starters.cli.terminal import say, show_fields, show_heading, show_line, show_table, when

_MOMENT = "%Y-%m-%d %H:%M:%S UTC"


def show_plan(planned: PlanOnRecord, story: PurgeStory | None, *, limit: int) -> None:
    """A plan with its first `limit` rows, and how far it is; the command that confirms it comes last."""
    plan, now = planned.plan, datetime.now(UTC)
    show_fields(
        [
            ("plan", planned.plan_id),
            ("would go", plan.in_words()),
            ("as of", f"{plan.as_of:{_MOMENT}}"),
            ("raw usage before", f"{plan.usage_before:%Y-%m-%d}"),
            ("asked by", planned.requested_by),
            ("hash", planned.sha256),
            *([("stage", story.stage)] if story and planned.ending is None else []),
            *([("next step", story.next_step)] if story and planned.ending is None else []),
            *(
                [("gone", f"{story.progress.gone:,} of {story.progress.total:,} rows")]
                if story and story.progress
                else []
            ),
            *([("ending", planned.ending)] if planned.ending else []),
            *([("certificate", planned.certificate.in_words())] if planned.certificate else []),
        ]
    )
    _show_rows(plan, limit)
    if plan.spared:
        show_heading(f"stays for now: {len(plan.spared):,}")
        rows = [(one.subject, one.why) for one in plan.spared[:limit]]
        show_table(("WHAT", "WHY"), rows, nothing="")
    _show_story(planned, story, now)


def _show_rows(plan: PurgePlan, limit: int) -> None:
    if not plan.rows:
        return
    show_heading(f"rows that would go: {counted(plan.total, 'row')} of {counted(len(plan.rows), 'line')}")
    lines = [(row.tenant_id or "all, by age", row.table, row.fate, f"{row.rows:,}") for row in plan.rows[:limit]]
    show_table(("CUSTOMER", "TABLE", "WHAT", "ROWS"), lines, nothing="")
    if len(plan.rows) > limit:
        say(f"and {len(plan.rows) - limit:,} more lines: --limit {len(plan.rows)} shows them all")


def _show_story(planned: PlanOnRecord, story: PurgeStory | None, now: datetime) -> None:
    if story is None:
        return
    if story.approval:
        show_heading(f"waits for {story.approval.role}")
        show_fields(
            [
                ("question", story.approval.question),
                ("expires", when(story.approval.expires_at, now)),
                ("to decide", f"runbooks approve {story.approval.approval_id}"),
            ]
        )
    if story.timeline:
        show_heading("timeline")
        for line in story.timeline:
            show_line(line.at, line.text)
    if story.stage is Stage.CONFIRM:
        show_heading("waits to be confirmed")
        show_fields(
            [
                ("until", when(story.confirm_by, now)),
                ("to confirm", f"runbooks retention confirm {planned.plan_id} {planned.sha256} {WORD}"),
            ]
        )


def show_plans(plans: tuple[PlanOnRecord, ...]) -> None:
    """One line a plan, the newest first."""
    now = datetime.now(UTC)
    rows = [
        (
            one.plan_id,
            when(one.planned_at, now),
            one.requested_by,
            one.plan.in_words(),
            len(one.plan.spared) or None,
            one.ending or one.state,
        )
        for one in plans
    ]
    columns = ("PLAN", "MADE", "ASKED BY", "WOULD GO", "STAYS", "STATE")
    show_table(columns, rows, nothing="No plan was made yet: `runbooks retention plan` makes one.")
