"""`runbooks decisions ...`: the append-only log of what was decided about money."""

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from billing.failures import BillingFailure, FailureCode
from billing.wording import counted
from starters.cli.mistakes import BadInputError
from starters.cli.options import Json, session_of
from starters.cli.terminal import say, show_json, show_table

app = typer.Typer(help="The decision log: read it, verify its chain, export it.", no_args_is_help=True)


@app.command("list")
def list_(
    context: typer.Context,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many, the newest.")] = 50,
    as_json: Json = False,
) -> None:
    """The newest decisions, the oldest of them first.

    \b
    runbooks decisions list
    runbooks decisions list --limit 5
    """
    log = session_of(context).books.decisions
    last, _ = log.head()
    rows = list(islice(log.lines(), max(0, last - limit), None))
    if as_json:
        return show_json([row.model_dump(mode="json") for row in rows])
    return show_table(("SEQ", "DECISION"), [(row.seq, row.line) for row in rows], nothing="Nothing was decided yet.")


@app.command()
def verify(context: typer.Context) -> None:
    """Check the whole chain: a changed, missing or cut-off row is found, and this ends with 1.

    \b
    runbooks decisions verify
    """
    log = session_of(context).books.decisions
    if flaw := log.verify():
        raise BillingFailure(FailureCode.CONFLICT, f"the decision log is not whole: {flaw}")
    last, sha256 = log.head()
    say(f"the decision log is whole: {counted(last, 'row')}, head {sha256}")


@app.command()
def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("DECISIONS.log"),
) -> None:
    """Write the log as DECISIONS.log, one line a decision.

    \b
    runbooks decisions export
    runbooks decisions export audit/DECISIONS.log
    """
    if not file.parent.is_dir():
        raise BadInputError(f"FILE {file}: there is no folder {file.parent}; make it first")
    count = session_of(context).books.decisions.export(file)
    say(f"{file} holds {counted(count, 'decision')}")
