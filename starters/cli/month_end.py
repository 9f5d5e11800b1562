"""`runbooks month-end ...`: billing a month, and everything people say to a run."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from billing.failures import BillingFailure, FailureCode
from billing.month_end import Ending, Instruction, Parking, RunOrder, RunStory, workflow_id
from billing.periods import known_month
from billing.run_reports import RunReport
from starters import month_end
from starters.cli.month_end_view import follow, show_diff, show_report, show_run
from starters.cli.options import As, Json, Reason, Token, session_of
from starters.cli.session import Session
from starters.cli.terminal import say, show_heading, show_json
from starters.permissions import Deed

app = typer.Typer(help="Bill a month: start, watch, steer and compare runs.", no_args_is_help=True)

Period = Annotated[
    str, typer.Option("--period", "-p", parser=known_month, metavar="YYYY-MM", help="The month to bill.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="The dry run of the period.")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Follow it to its end.")]
# Endings after which a program that waited should stop.
_NOT_DONE = {Ending.CANCELLED, Ending.REJECTED, Ending.NOT_ACCEPTED}


@app.command()
def run(
    context: typer.Context,
    period: Period,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Rate and check everybody, issue nothing.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Wait for it and compare it with the run before.")] = False,
    watch: Watch = False,
    token: Token = None,
    name: As = None,
) -> None:
    """Bill a month, once for every tenant, however often it is started.

    \b
    runbooks month-end run --period 2026-10 --as finance-1
    runbooks month-end run --period 2026-10 --dry-run --diff --as finance-1
    """
    session = session_of(context)
    _start(session, _order(session, period, token, name, dry_run=dry_run), watch=watch or diff)
    if diff:
        compared = session.ask(lambda _: month_end.diff(session.books.runs, period))
        show_heading(f"{compared.run_id} against {compared.against}")
        show_diff(compared)


@app.command()
def rerun(context: typer.Context, period: Period, watch: Watch = False, token: Token = None, name: As = None) -> None:
    """Bill whom the last run left out, and send what has not arrived.

    Repair the causes first; `show` names them.

    \b
    runbooks month-end rerun --period 2026-10 --as finance-1
    """
    session = session_of(context)
    _start(session, _order(session, period, token, name, only_parked=True), watch=watch)


@app.command()
def watch(context: typer.Context, period: Period, dry_run: DryRun = False) -> None:
    """Follow a run to its end: stage, percent, rate, and every sentence of its story.

    \b
    runbooks month-end watch --period 2026-10
    """
    _follow(session_of(context), workflow_id(period, dry_run=dry_run))


@app.command()
def show(
    context: typer.Context,
    period: Period,
    dry_run: DryRun = False,
    run_id: Annotated[str | None, typer.Option("--run", help="An earlier run, such as 2026-10#1.")] = None,
    as_json: Json = False,
) -> None:
    """How a run stands, or stood when it ended: outcomes, totals, flags, who was left out and why.

    \b
    runbooks month-end show --period 2026-10
    runbooks month-end show --period 2026-10 --run 2026-10#1 --json
    """
    session = session_of(context)
    story = None if run_id else _story(session, workflow_id(period, dry_run=dry_run))
    wanted = run_id or (story.run_id if story else None)
    report = None
    if story is None or story.run_id:
        report = _report(session, period, wanted, needed=story is None)
    if as_json:
        return show_json({"run": story, "report": report})
    if story:
        show_run(story)
    return show_report(report) if report else None


@app.command()
def diff(
    context: typer.Context,
    period: Period,
    run_id: Annotated[str | None, typer.Option("--run", help="Default: the newest run.")] = None,
    against: Annotated[str | None, typer.Option("--against", help="Default: the run before it.")] = None,
    as_json: Json = False,
) -> None:
    """Compare the bills of two runs of a period, dry runs included.

    \b
    runbooks month-end diff --period 2026-10
    runbooks month-end diff --period 2026-10 --run 2026-10#3 --against 2026-10#1
    """
    session = session_of(context)
    compared = session.ask(lambda _: month_end.diff(session.books.runs, period, run_id, against))
    if as_json:
        return show_json(compared)
    show_heading(f"{compared.run_id} against {compared.against}")
    return show_diff(compared)


@app.command()
def pause(
    context: typer.Context,
    period: Period,
    reason: Reason,
    dry_run: DryRun = False,
    token: Token = None,
    name: As = None,
) -> None:
    """Let a run finish what is under way, and nothing more until it is resumed.

    \b
    runbooks month-end pause --period 2026-10 --reason "The database is moved tonight." --as finance-1
    """
    session = session_of(context)
    order, case = _instruction(session, reason, token, name), workflow_id(period, dry_run=dry_run)
    say(session.ask(lambda client: month_end.pause(client, case, order)))


@app.command()
def resume(
    context: typer.Context,
    period: Period,
    reason: Reason,
    dry_run: DryRun = False,
    token: Token = None,
    name: As = None,
) -> None:
    """Let a paused run go on.

    \b
    runbooks month-end resume --period 2026-10 --reason "The database has moved." --as finance-1
    """
    session = session_of(context)
    order, case = _instruction(session, reason, token, name), workflow_id(period, dry_run=dry_run)
    say(session.ask(lambda client: month_end.resume(client, case, order)))


@app.command()
def cancel(
    context: typer.Context,
    period: Period,
    reason: Reason,
    dry_run: DryRun = False,
    token: Token = None,
    name: As = None,
) -> None:
    """Give a run up before anything is issued; its drafts are removed.

    \b
    runbooks month-end cancel --period 2026-10 --reason "A price list is wrong." --as finance-1
    """
    session = session_of(context)
    order, case = _instruction(session, reason, token, name), workflow_id(period, dry_run=dry_run)
    say(session.ask(lambda client: month_end.cancel(client, case, order)))


@app.command("give-up")
def give_up(context: typer.Context, period: Period, reason: Reason, token: Token = None, name: As = None) -> None:
    """End a run whose workflow is gone, so that another can begin.

    Only for a workflow that was terminated; `cancel` is for one that is there. Drafts are removed, issued documents stay.

    \b
    runbooks month-end give-up --period 2026-10 --reason "Terminated by mistake." --as finance-1
    """
    session = session_of(context)
    order = _instruction(session, reason, token, name)
    run_id = session.ask(lambda client: month_end.give_up(client, session.books.runs, period, order, datetime.now(UTC)))
    say(f"{run_id} is given up: start the month end again")


@app.command("try-again")
def try_again(
    context: typer.Context,
    period: Period,
    reason: Reason,
    dry_run: DryRun = False,
    token: Token = None,
    name: As = None,
) -> None:
    """Let a run go on that handed something over to people.

    Repair its cause first.

    \b
    runbooks month-end try-again --period 2026-10 --reason "The meter reports again." --as finance-1
    """
    session = session_of(context)
    order, case = _instruction(session, reason, token, name), workflow_id(period, dry_run=dry_run)
    say(session.ask(lambda client: month_end.try_again(client, case, order)))


@app.command()
def park(
    context: typer.Context,
    period: Period,
    tenant: Annotated[str, typer.Option("--tenant", help="The tenant whose draft is doubtful.")],
    reason: Reason,
    token: Token = None,
    name: As = None,
) -> None:
    """Take a doubtful draft out of a run before it is issued; `rerun` bills the tenant later.

    \b
    runbooks month-end park --period 2026-10 --tenant acme --reason "Three times the usage of September." --as finance-1
    """
    session = session_of(context)
    by = session.signer(token, name, Deed.RUN_MONTH_END).operator_id
    parking, case = Parking(tenant_id=tenant, reason=reason, by=by), workflow_id(period, dry_run=False)
    say(session.ask(lambda client: month_end.park(client, case, parking)))


def _order(
    session: Session,
    period: str,
    token: str | None,
    name: str | None,
    *,
    dry_run: bool = False,
    only_parked: bool = False,
) -> RunOrder:
    by = session.signer(token, name, Deed.RUN_MONTH_END).operator_id
    return RunOrder(period=period, dry_run=dry_run, only_parked=only_parked, requested_by=by)


def _instruction(session: Session, reason: str, token: str | None, name: str | None) -> Instruction:
    return Instruction(by=session.signer(token, name, Deed.RUN_MONTH_END).operator_id, reason=reason)


def _start(session: Session, order: RunOrder, *, watch: bool) -> None:
    queue, zone, now = session.settings.task_queue, session.settings.zone, datetime.now(UTC)
    handle = session.ask(lambda client: month_end.start(client, order, task_queue=queue, zone=zone, now=now))
    dry = " --dry-run" if order.dry_run else ""
    if not handle.started:
        raise BillingFailure(
            FailureCode.CONFLICT,
            f"{handle.case_id} is under way already: follow it with runbooks month-end watch --period {order.period}{dry}",
        )
    say(f"{handle.case_id} has begun")
    if watch:
        _follow(session, handle.case_id)
    else:
        say(f"follow it: runbooks month-end watch --period {order.period}{dry}")


def _follow(session: Session, case: str) -> None:
    """Raises once the run has ended without billing, so that a program that waited learns of it."""
    story = follow(session.settings, case)
    show_run(story, timeline=False)
    if story.ending in _NOT_DONE:
        raise BillingFailure(FailureCode.CONFLICT, f"{case} ended: {story.timeline[-1].text.removeprefix('ended: ')}")


def _story(session: Session, case: str) -> RunStory | None:
    """What the run tells of itself; None when Temporal has forgotten it."""
    try:
        return session.ask(lambda client: month_end.story(client, case))
    except BillingFailure as failure:
        if failure.code is not FailureCode.NOT_FOUND:
            raise
        return None


def _report(session: Session, period: str, run_id: str | None, *, needed: bool) -> RunReport | None:
    """The run's report; a run that was not checked yet has none, which is only worth a word when nothing else is known."""
    try:
        return session.ask(lambda _: month_end.report(session.books.runs, period, run_id))
    except BillingFailure as failure:
        if needed or failure.code is not FailureCode.NOT_FOUND:
            raise
        return None
