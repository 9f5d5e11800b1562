"""How a month end looks in a terminal: a bar while it works, the report afterwards; sentences to a pipe."""

import asyncio
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from billing.money import Money
from billing.month_end import RunStory
from billing.run_letters import total_in_words
from billing.run_reports import Change, RunDiff, RunReport
from settings import Settings
from starters import month_end
from starters.cli.terminal import is_for_a_person, say, show_fields, show_heading, show_line, show_table, when
from starters.connect import connected

_LOOK_EVERY_SECONDS = 0.5


def follow(settings: Settings, case: str) -> RunStory:
    """Tell a run's story as it happens, with a bar for the stage that is under way; returns how it ended."""
    return asyncio.run(_followed(settings, case))


async def _followed(settings: Settings, case: str) -> RunStory:
    told, bar = 0, _Bar()
    async with connected(settings) as client:
        with bar:
            while True:
                story = await month_end.story(client, case)
                # A run that was continued takes only its latest sentences along.
                for line in story.timeline[min(told, len(story.timeline)) :]:
                    bar.tell(line.at, line.text)
                told = len(story.timeline)
                if story.ending is not None:
                    return story
                bar.show(story)
                await asyncio.sleep(_LOOK_EVERY_SECONDS)


class _Bar:
    """The progress of the current stage; a pipe gets a line each time another tenth is done."""

    def __init__(self) -> None:
        self._progress = (
            Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f} %"),
                TextColumn("{task.fields[rate]}"),
                console=Console(),
                transient=True,
            )
            if is_for_a_person()
            else None
        )
        self._task: TaskID | None = None
        self._tenth = ("", -1)

    def __enter__(self) -> None:
        self._live: AbstractContextManager[object] = self._progress or nullcontext()
        self._live.__enter__()

    def __exit__(self, *failure: object) -> None:
        self._live.__exit__(None, None, None)

    def tell(self, at: datetime, text: str) -> None:
        show_line(at, text)

    def show(self, story: RunStory) -> None:
        progress = story.progress
        if progress is None:
            return
        if self._progress is None:
            tenth = (progress.stage.value, progress.percent // 10)
            if tenth != self._tenth and progress.done:
                say(progress.in_words())
            self._tenth = tenth
            return
        if self._task is None:
            self._task = self._progress.add_task("", rate="")
        waits = f", paused by {story.paused_by}" if story.paused_by else ""
        self._progress.update(
            self._task,
            description=f"{progress.stage}{waits}",
            completed=progress.done,
            total=max(progress.total, 1),
            rate=f"{progress.done:,} of {progress.total:,}, {progress.rate:,} a second",
        )


def show_run(story: RunStory, *, timeline: bool = True) -> None:
    """How a run stands: stage, progress, outcomes, what it waits for."""
    now = datetime.now(UTC)
    show_fields(
        [
            ("run", story.run_id or story.case_id),
            *([("kind", "dry run")] if story.dry_run else []),
            ("stage", f"paused by {story.paused_by} at {story.stage}" if story.paused_by else story.stage),
            ("next step", story.next_step),
            *([("progress", story.progress.in_words())] if story.progress else []),
            *([("waits", "for a person")] if story.needs_human else []),
            *([("ending", story.ending)] if story.ending else []),
            *((word.value.replace("_", " "), f"{count:,}") for word, count in story.outcomes.items() if count),
            *(("total", total) for total in story.totals),
            *(("held", words) for words in story.holds),
        ]
    )
    if story.approval:
        show_heading(f"waits for {story.approval.role}")
        show_fields(
            [
                ("question", story.approval.question),
                ("expires", when(story.approval.expires_at, now)),
                ("to decide", f"runbooks approve {story.approval.approval_id}"),
            ]
        )
    if story.left_count:
        show_heading(f"documents left behind: {story.left_count:,}")
        show_table(
            ("NUMBER", "TENANT", "WHY"), [(one.number, one.tenant_id, one.why) for one in story.left], nothing=""
        )
    if timeline and story.timeline:
        show_heading("timeline")
        for line in story.timeline:
            show_line(line.at, line.text)


def show_report(report: RunReport) -> None:
    """The report of a run: totals, flags, and who was left out; the first of each."""
    show_heading(f"report of {report.run_id}")
    show_fields(
        [
            *((word.value.replace("_", " "), f"{count:,}") for word, count in report.outcomes.items()),
            *(("total", total_in_words(one)) for one in report.totals),
            ("digest", report.digest),
        ]
    )
    if report.flags:
        show_heading(f"drafts beyond a bound: {sum(report.flagged.values()):,}")
        show_table(
            ("TENANT", "BOUND", "DETAIL"), [(one.tenant_id, one.bound, one.detail) for one in report.flags], nothing=""
        )
    if report.stopped:
        show_heading("not billed")
        rows = [(one.tenant_id, one.outcome, one.reason) for one in report.stopped]
        show_table(("TENANT", "OUTCOME", "WHY"), rows, nothing="")


def show_diff(compared: RunDiff) -> None:
    """How two runs differ: how many bills, which totals, and the largest changes."""
    show_fields(
        [
            ("same bill", f"{compared.same:,}"),
            ("another bill", f"{compared.different:,}"),
            (f"only in {compared.run_id}", f"{compared.only_here:,}"),
            (f"only in {compared.against}", f"{compared.only_there:,}"),
        ]
    )
    totals = [
        (
            one.currency,
            Money(minor=one.before_minor, currency=one.currency),
            Money(minor=one.after_minor, currency=one.currency),
            Money(minor=one.after_minor - one.before_minor, currency=one.currency),
        )
        for one in compared.totals
    ]
    show_heading("totals")
    show_table(("CURRENCY", "BEFORE", "NOW", "CHANGE"), totals, nothing="Neither billed anything.")
    if compared.changes:
        show_heading("largest changes")
        show_table(("TENANT", "BEFORE", "NOW", "CHANGE"), map(_change, compared.changes), nothing="")


def _change(change: Change) -> tuple[object, ...]:
    before, after = change.before, change.after
    moved = after - before if before and after and before.currency == after.currency else None
    return change.tenant_id, before, after, moved
