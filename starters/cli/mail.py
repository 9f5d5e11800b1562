"""`runbooks mail ...`: the letters that customers and operators were written."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from adapters.mail.render import House, render
from starters.cli.options import Json, session_of
from starters.cli.session import case_named
from starters.cli.terminal import show_fields, show_heading, show_json, show_table, when

app = typer.Typer(help="The letters that left, as they are on record.", no_args_is_help=True)

# A letter is written out from its record: the sender's own signature and links are left to the mailbox.
_HOUSE = House("Billing")


@app.command("list")
def list_(
    context: typer.Context,
    case: Annotated[str | None, typer.Option("--case", help="Only the letters of one case.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000, help="At most so many.")] = 50,
    as_json: Json = False,
) -> None:
    """The newest letters first.

    \b
    runbooks mail list
    runbooks mail list --case T-1042
    """
    letters = session_of(context).books.mail.newest(case_id=case_named(case) if case else None, limit=limit)
    if as_json:
        return show_json([letter.model_dump(mode="json") for letter in letters])
    now = datetime.now(UTC)
    rows = [(one.op_key, when(one.sent_at, now), one.state, one.recipient, one.subject) for one in letters]
    return show_table(("LETTER", "SENT", "STATE", "TO", "SUBJECT"), rows, nothing="No letter has left yet.")


@app.command()
def show(
    context: typer.Context,
    letter: Annotated[str, typer.Argument(metavar="LETTER", help="The letter, from `runbooks mail list`.")],
    as_json: Json = False,
) -> None:
    """One letter, as its recipient reads it.

    \b
    runbooks mail show dispute/T-1042/letter/r1/acknowledged
    """
    kept = session_of(context).books.mail.get(letter)
    if as_json:
        return show_json(kept.model_dump(mode="json"))
    written = render(kept.letter, _HOUSE)
    subject = kept.subject or written.subject
    show_fields([("to", kept.recipient), ("subject", subject), ("sent", when(kept.sent_at, datetime.now(UTC)))])
    show_heading(kept.template.replace("_", " "))
    return typer.echo(written.text)
