"""`runbooks usage quarantine ...`: rows that were set aside, and what people make of them."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from billing.usage import QuarantinedRow, QuarantineState
from billing.wording import counted
from starters import usage
from starters.cli.mistakes import FAILED, BadInputError
from starters.cli.options import As, Json, Token, session_of
from starters.cli.session import Session
from starters.cli.terminal import brief, say, show_fields, show_heading, show_json, show_table, when
from starters.permissions import Deed

app = typer.Typer(help="Rows that could not be usage: list, show, let in, discard.", no_args_is_help=True)

Entries = Annotated[list[int] | None, typer.Argument(metavar="ENTRY", help="As the list names them; several at once.")]
Load = Annotated[str | None, typer.Option("--load", help="Every waiting row of this load.")]


@app.command("list")
def list_(
    context: typer.Context,
    load: Annotated[str | None, typer.Option("--load", help="Only rows of this load.")] = None,
    state: Annotated[QuarantineState, typer.Option("--state", help="What became of them.")] = QuarantineState.HELD,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many, the oldest first.")] = 100,
    as_json: Json = False,
) -> None:
    """Rows with their file, line, field and reason, the oldest first.

    \b
    runbooks usage quarantine list
    runbooks usage quarantine list --state discarded --json
    """
    with usage.usage_desk(session_of(context).settings) as desk:
        found = desk.quarantine.rows(state, load_id=load, limit=limit)
    if as_json:
        return show_json([row.model_dump(mode="json") for row in found])
    rows = [(row.entry_id, row.source, row.line, row.field, row.load_id, _why(row)) for row in found]
    return show_table(
        ("ENTRY", "FROM", "LINE", "FIELD", "LOAD", "WHY"), rows, nothing=f"No row is {state.value} in quarantine."
    )


@app.command()
def show(context: typer.Context, entry: Annotated[int, typer.Argument(metavar="ENTRY")], as_json: Json = False) -> None:
    """One row as it was sent.

    \b
    runbooks usage quarantine show 17
    """
    with usage.usage_desk(session_of(context).settings) as desk:
        row = desk.quarantine.row(entry)
    if as_json:
        return show_json(row.model_dump(mode="json"))
    now = datetime.now(UTC)
    settled = f"by {row.settled_by}, {when(row.settled_at, now)}" if row.settled_by else "waits for a person"
    show_fields(
        [
            ("entry", row.entry_id),
            ("from", f"{row.source}, line {row.line}"),
            ("load", row.load_id),
            ("received", when(row.received_at, now)),
            ("why", _why(row)),
            ("state", f"{row.state.value}, {settled}"),
        ]
    )
    show_heading("as it was sent")
    return show_fields(list(row.row.items()))


@app.command()
def release(
    context: typer.Context, entries: Entries = None, load: Load = None, token: Token = None, name: As = None
) -> None:
    """Check rows again and let in what is usage now, say once the tenant is on record; the rest stays, with its reason.

    A row of a period that was closed long ago is let in as late: the next invoice bills it.

    \b
    runbooks usage quarantine release 17 18 --as lead-1
    runbooks usage quarantine release --load file-0a1b2c --as lead-1

    Exit codes: 0 every row was let in, 1 some still cannot be.
    """
    session = session_of(context)
    by = session.signer(token, name, Deed.SETTLE_USAGE).operator_id
    with usage.usage_desk(session.settings) as desk:
        release = desk.quarantine.release(_chosen(session, entries, load), by)
    late = f" ({release.late} late)" if release.late else ""
    known = f", {release.known} of them were stored before" if release.known else ""
    say(f"let in {counted(len(release.released), 'row')}{late}{known}")
    for row in release.refused:
        say(f"{row.entry_id} stays: {_why(row)}")
    if release.refused:
        raise typer.Exit(FAILED)


@app.command()
def discard(
    context: typer.Context, entries: Entries = None, load: Load = None, token: Token = None, name: As = None
) -> None:
    """Leave rows out for good; they stay on record.

    \b
    runbooks usage quarantine discard 17 --as lead-1
    """
    session = session_of(context)
    by = session.signer(token, name, Deed.SETTLE_USAGE).operator_id
    with usage.usage_desk(session.settings) as desk:
        discarded = desk.quarantine.discard(_chosen(session, entries, load), by)
    say(f"discarded {counted(discarded, 'row')}")


def _chosen(session: Session, entries: list[int] | None, load: str | None) -> list[int]:
    """The rows that were named one by one, or those of a load that wait."""
    if bool(entries) == bool(load):
        raise BadInputError("name the rows, ENTRY ..., or a whole load with --load; not both")
    if entries:
        return sorted(set(entries))
    assert load is not None  # noqa: S101 - one of the two is there
    with usage.usage_desk(session.settings) as desk:
        waiting = desk.quarantine.held_of(load)
    if not waiting:
        raise BadInputError(f"--load {load}: no row of it waits; `runbooks usage quarantine list` shows those that do")
    return waiting


def _why(row: QuarantinedRow) -> str:
    return brief(f"{row.field} {row.reason}")
