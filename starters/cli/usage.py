"""`runbooks usage ...`: usage files in, what was set aside, roll-ups and their daily validation."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from adapters.usage_files import UsageFile, UsageFormat, open_usage_file
from billing.usage import LoadReport
from billing.usage_letters import finding_in_words
from billing.usage_validation import Ending
from billing.wording import counted, written
from starters import usage
from starters.cli import usage_quarantine
from starters.cli.mistakes import FAILED, BadInputError
from starters.cli.options import As, Json, Token, session_of
from starters.cli.terminal import say, show_json, show_table
from starters.cli.usage_progress import loading
from starters.permissions import Deed

app = typer.Typer(help="Usage on its way in, and its roll-ups.", no_args_is_help=True)
app.add_typer(usage_quarantine.app, name="quarantine")

_INTERRUPTED = 130
_SHOWN = 100


@app.command()
def load(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, Parquet or JSON lines, by its suffix.")],
    written_as: Annotated[UsageFormat | None, typer.Option("--format", help="When the suffix does not say it.")] = None,
    token: Token = None,
    name: As = None,
    as_json: Json = False,
) -> None:
    """Load a usage file; each event is stored once, whatever is sent how often.

    Rows that cannot be usage are set aside with their line and reason, the others are kept. A load that was interrupted
    goes on where it stood when the same file is loaded again; a file that is done does nothing.

    \b
    runbooks usage load november.parquet --as engineering-1
    runbooks usage load export.txt --format csv --as engineering-1

    Exit codes: 0 every row is stored or was known, 1 rows were set aside or the load could not go on, 2 this is no usage
    file, 130 interrupted.
    """
    session = session_of(context)
    by = session.signer(token, name, Deed.BRING_USAGE).operator_id
    found = open_usage_file(file, written_as)
    with usage.usage_desk(session.settings) as desk, _interruptible(found), loading(found.name, found.rows) as progress:
        report = desk.intake.load(found, by, progress)
    if as_json:
        show_json(report.model_dump(mode="json"))
    else:
        _tell(report)
    if report.quarantined:
        raise typer.Exit(FAILED)


@app.command()
def refresh(context: typer.Context, token: Token = None, name: As = None) -> None:
    """Roll up every day that was touched since it was rolled up last.

    \b
    runbooks usage refresh --as engineering-1
    """
    session = session_of(context)
    session.signer(token, name, Deed.BRING_USAGE)
    with usage.usage_desk(session.settings) as desk:
        made = desk.rollups.bring_up_to_date(_unheard)
    say(f"rolled up {counted(made, 'day')} of tenants and meters")


@app.command()
def rebuild(
    context: typer.Context,
    first: Annotated[datetime, typer.Option("--first", formats=["%Y-%m-%d"], help="The first local day.")],
    last: Annotated[datetime, typer.Option("--last", formats=["%Y-%m-%d"], help="The last local day.")],
    token: Token = None,
    name: As = None,
) -> None:
    """Make the roll-ups of some days anew from the raw events, whatever they say now.

    \b
    runbooks usage rebuild --first 2026-11-01 --last 2026-11-03 --as engineering-1
    """
    session = session_of(context)
    session.signer(token, name, Deed.BRING_USAGE)
    if last < first:
        raise BadInputError(f"--last {last:%Y-%m-%d}: lies before --first {first:%Y-%m-%d}")
    with usage.usage_desk(session.settings) as desk:
        made = desk.rollups.rebuild(first.date(), last.date() + timedelta(days=1), _unheard)
    say(f"made {counted(made, 'roll-up')} anew from the raw events")


@app.command()
def validate(
    context: typer.Context,
    day: Annotated[
        datetime | None,
        typer.Option("--day", formats=["%Y-%m-%d"], help="Validate the days before this one. Default: today, in UTC."),
    ] = None,
) -> None:
    """Do the daily validation now: roll up, hold roll-ups against the raw events, tell people what disagrees.

    \b
    runbooks usage validate

    Exit codes: 0 everything agrees, 1 there is something to look at.
    """
    session = session_of(context)
    today = day.date() if day else datetime.now(UTC).date()
    queue = session.settings.task_queue
    ending, story = session.ask(lambda client: usage.validate(client, today, task_queue=queue))
    for line in story.timeline:
        say(line.text)
    if ending is not Ending.AGREES:
        raise typer.Exit(FAILED)


@app.command()
def findings(context: typer.Context, as_json: Json = False) -> None:
    """The days on which roll-ups and raw events disagreed at the last validation.

    \b
    runbooks usage findings
    """
    with usage.usage_desk(session_of(context).settings) as desk:
        found = desk.findings(_SHOWN)
    if as_json:
        return show_json([one.model_dump(mode="json") for one in found])
    rows = [
        (
            one.day,
            one.tenant_id,
            one.meter,
            written(one.rolled_quantity),
            written(one.raw_quantity),
            finding_in_words(one),
        )
        for one in found
    ]
    return show_table(
        ("DAY", "TENANT", "METER", "ROLLED UP", "STORED", "WHAT"), rows, nothing="Every roll-up agrees with its events."
    )


def _tell(report: LoadReport) -> None:
    say(
        f"{report.source}: {counted(report.stored, 'event')} stored ({written(report.late)} late), "
        f"{written(report.known)} known before, {counted(report.quarantined, 'row')} set aside"
    )
    if report.quarantined:
        say(f"see them: runbooks usage quarantine list --load {report.load_id}")


@contextmanager
def _interruptible(file: UsageFile) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        say(f"interrupted; load {file.name} again, and it goes on where it stood")
        raise typer.Exit(_INTERRUPTED) from None


def _unheard(note: str) -> None:
    """Nobody waits for a sign of life here."""
