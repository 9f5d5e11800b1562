"""`runbooks case ...`: what is open, and the whole story of one case."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from billing.cases import CaseStory
from starters import stories
from starters.cli.options import Case, Json, session_of
from starters.cli.session import Session, case_named
from starters.cli.terminal import show_fields, show_heading, show_json, show_line, show_table, when
from starters.connect import connected
from starters.listing import cases

app = typer.Typer(help="Look at cases.", no_args_is_help=True)

_LOOK_EVERY_SECONDS = 2.0


@app.command("list")
def list_(
    context: typer.Context,
    all_: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    needs_human: Annotated[bool, typer.Option("--needs-human", help="Only those that wait for a person.")] = False,
    tenant: Annotated[str | None, typer.Option("--tenant", help="Only one customer's.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000, help="At most so many.")] = 50,
    as_json: Json = False,
) -> None:
    """Open cases, the newest first.

    \b
    runbooks case list
    runbooks case list --needs-human
    runbooks case list --all --json | jq -r '.[] | select(.ending) | .case_id'
    """
    session = session_of(context)
    found = session.ask(lambda client: cases(client, session.books, open_only=not all_, tenant_id=tenant, limit=limit))
    lines = [line for line in found if line.needs_human or not needs_human]
    if as_json:
        return show_json([line.model_dump(mode="json") for line in lines])
    now = datetime.now(UTC)
    rows = [
        (
            line.case_id,
            line.ending or line.stage,
            "for a person" if line.needs_human else None,
            line.tenant_id,
            line.category.replace("_", " "),
            line.severity,
            line.disputed,
            line.credited if line.credited and line.credited.minor else None,
            when(line.due_at, now),
        )
        for line in lines
    ]
    columns = ("CASE", "STAGE", "WAITS", "TENANT", "CATEGORY", "SEVERITY", "DISPUTED", "CREDITED", "DUE")
    return show_table(columns, rows, nothing="No case is open.")


@app.command()
def show(
    context: typer.Context,
    case: Case,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Follow it until it is closed.")] = False,
    as_json: Json = False,
) -> None:
    """One case: stage, clocks, money, open question, timeline.

    \b
    runbooks case show T-1042
    runbooks case show T-1042 --watch
    """
    session, named = session_of(context), case_named(case)
    if watch:
        return asyncio.run(_follow(session, named))
    story = session.ask(lambda client: stories.tell(client, session.books, named))
    if as_json:
        return show_json(story.model_dump(mode="json"))
    return _show(story)


async def _follow(session: Session, case: str) -> None:
    """Tell each new sentence of the timeline as it comes, then the whole case once it is closed."""
    told = 0
    async with connected(session.settings) as client:
        while True:
            story = await stories.tell(client, session.books, case)
            for line in story.timeline[told:]:
                show_line(line.at, line.text)
            told = len(story.timeline)
            if story.ending is not None:
                break
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
    show_heading("closed")
    _show(story, timeline=False)


def _show(story: CaseStory, *, timeline: bool = True) -> None:
    now = datetime.now(UTC)
    show_fields(
        [
            ("case", story.case_id),
            ("customer", f"{story.tenant_id} {f'({story.tier})' if story.tier else ''}"),
            ("category", story.category.replace("_", " ")),
            ("severity", f"{story.severity or 'not judged yet'}{', escalated' if story.escalated else ''}"),
            ("stage", "waiting for the customer" if story.waiting_for_customer else story.stage),
            ("next step", story.next_step),
            *([("waits", "for a person")] if story.needs_human else []),
            *([("ending", story.ending)] if story.ending else []),
            ("disputed", story.disputed),
            *([("proposed", story.proposed)] if story.proposed else []),
            *([("credited", story.credited)] if story.credited else []),
        ]
    )
    _show_question(story, now)
    _show_clocks(story, now)
    if timeline and story.timeline:
        show_heading("timeline")
        for line in story.timeline:
            show_line(line.at, line.text)


def _show_question(story: CaseStory, now: datetime) -> None:
    if story.approval is None:
        return
    question = story.approval
    show_heading(f"waits for {question.role}")
    show_fields(
        [
            ("question", question.question),
            ("amount", question.worth),
            ("asked by", question.requested_by),
            ("expires", when(question.expires_at, now)),
            ("to decide", f"runbooks approve {question.approval_id}"),
        ]
    )


def _show_clocks(story: CaseStory, now: datetime) -> None:
    if story.clocks:
        show_heading("SLA clocks")
        rows = [(one.name, one.state, when(one.due, now), f"{one.share_used:.0%}") for one in story.clocks]
        show_table(("CLOCK", "STATE", "DUE", "USED"), rows, nothing="")
