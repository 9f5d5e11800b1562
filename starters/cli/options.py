"""Options that several commands share."""

from typing import Annotated

import typer

from starters.cli.session import Session

Case = Annotated[str, typer.Argument(metavar="CASE", help="The case, or its ticket: dispute/T-1042 or T-1042.")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why, for the record.")]
Token = Annotated[
    str | None, typer.Option("--token", help="Your operator token. Better kept in RUNBOOKS_OPERATOR_TOKEN.")
]
As = Annotated[str | None, typer.Option("--as", help="Act as one of the sandbox's operators, such as lead-1.")]
Json = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]


def session_of(context: typer.Context) -> Session:
    """The session that the root command opened."""
    session: Session = context.find_root().obj
    return session
