"""`runbooks schedules ...`: what starts by itself."""

from datetime import UTC, date, datetime
from typing import Annotated

import typer

from adapters.policies import Policies
from billing.periods import local_midnight
from starters import schedules
from starters.cli.mistakes import BadInputError
from starters.cli.options import As, Json, Reason, Token, session_of
from starters.cli.session import Session
from starters.cli.terminal import say, show_json, show_table, when
from starters.permissions import Deed

app = typer.Typer(help="What starts by itself: make it so, look at it, steer it.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="SCHEDULE", help="As `runbooks schedules list` names it.")]


@app.command()
def apply(context: typer.Context, token: Token = None, name: As = None) -> None:
    """Make Temporal's schedules what is declared; as often as you like. A paused one stays paused.

    \b
    runbooks schedules apply --as engineering-1
    """
    session = session_of(context)
    session.signer(token, name, Deed.RUN_MONTH_END)
    wanted, zone, queue = _declared(session), session.settings.zone, session.settings.task_queue
    for line in session.ask(lambda client: schedules.apply(client, wanted, zone, queue, datetime.now(UTC))):
        say(line)


@app.command("list")
def list_(context: typer.Context, as_json: Json = False) -> None:
    """Every declared schedule: when it starts next, and whether it is paused.

    \b
    runbooks schedules list
    """
    session = session_of(context)
    lines = session.ask(lambda client: schedules.lines(client, _declared(session)))
    if as_json:
        return show_json([line.model_dump(mode="json") for line in lines])
    now = datetime.now(UTC)
    rows = [
        (
            line.schedule_id,
            "paused" if line.paused else "on" if line.applied else "not applied",
            when(line.next_at[0] if line.next_at and not line.paused else None, now),
            when(line.last_at, now),
            line.running or None,
            line.why or line.note,
        )
        for line in lines
    ]
    columns = ("SCHEDULE", "STATE", "NEXT", "LAST", "RUNNING", "WHAT FOR")
    return show_table(columns, rows, nothing="Nothing is declared.")


@app.command()
def pause(context: typer.Context, schedule: Name, reason: Reason, token: Token = None, name: As = None) -> None:
    """Start nothing until the schedule is resumed; what it has started goes on.

    \b
    runbooks schedules pause month-end --reason "Prices change this month." --as finance-1
    """
    session = session_of(context)
    by = session.signer(token, name, Deed.RUN_MONTH_END).operator_id
    session.ask(lambda client: schedules.pause(client, schedule, f"{by}: {reason}"))
    say(f"{schedule} is paused")


@app.command()
def resume(context: typer.Context, schedule: Name, reason: Reason, token: Token = None, name: As = None) -> None:
    """Start again; what was missed within the catch-up window is made up for.

    \b
    runbooks schedules resume month-end --reason "The prices are in." --as finance-1
    """
    session = session_of(context)
    by = session.signer(token, name, Deed.RUN_MONTH_END).operator_id
    session.ask(lambda client: schedules.resume(client, schedule, f"{by}: {reason}"))
    say(f"{schedule} is on again")


@app.command()
def trigger(context: typer.Context, schedule: Name, token: Token = None, name: As = None) -> None:
    """Start once, now, as if it were time.

    \b
    runbooks schedules trigger month-end --as finance-1
    """
    session = session_of(context)
    session.signer(token, name, Deed.RUN_MONTH_END)
    session.ask(lambda client: schedules.trigger(client, schedule))
    say(f"{schedule} was started")


@app.command()
def backfill(
    context: typer.Context,
    schedule: Name,
    since: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="The first day whose starts were missed.")],
    until: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="The day after the last of them.")],
    token: Token = None,
    name: As = None,
) -> None:
    """Make up for starts whose time has passed, one after the other.

    Days are those of the configured zone; each start does the work of the time it stands for.

    \b
    runbooks schedules backfill month-end --from 2026-09-01 --to 2026-11-02 --as finance-1
    """
    session = session_of(context)
    session.signer(token, name, Deed.RUN_MONTH_END)
    zone = session.settings.zone
    start, end = local_midnight(_day("--from", since), zone), local_midnight(_day("--to", until), zone)
    if not start < end <= datetime.now(UTC):
        raise BadInputError(f"--from {since} --to {until}: name days in the past, the first before the last")
    session.ask(lambda client: schedules.backfill(client, schedule, start, end))
    say(f"{schedule} makes up for {since} to {until}")


def _declared(session: Session) -> tuple[schedules.Declared, ...]:
    return schedules.declared(Policies.of_the_house(session.settings.zone, session.settings.speed))


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInputError(f"{option} {text}: write a day as yyyy-mm-dd, such as 2026-11-01") from None
