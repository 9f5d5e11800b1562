"""`runbooks operators ...`: who may act on cases."""

from typing import Annotated

import typer

from adapters.operator_keys import new_token
from adapters.postgres.operators import Operator
from billing.authority import Role
from starters.cli.mistakes import BadInputError
from starters.cli.options import Json, session_of
from starters.cli.terminal import say, show_json, show_table

app = typer.Typer(help="The people who act on cases.", no_args_is_help=True)

OperatorId = Annotated[str, typer.Argument(metavar="OPERATOR", help="The operator's id, such as lead-1@ops.example.")]


@app.command()
def add(
    context: typer.Context,
    operator_id: OperatorId,
    role: Annotated[Role, typer.Option("--role", help="What they may decide.")],
    email: Annotated[str | None, typer.Option("--email", help="Where letters go. Default: the id.")] = None,
    name: Annotated[str, typer.Option("--name", help="How letters address them.")] = "",
) -> None:
    """Add an operator and print their token, once: it signs their decisions and is kept nowhere.

    \b
    runbooks operators add lead-7@ops.example --role lead
    """
    token, public_key = new_token(operator_id)
    operator = Operator(
        operator_id=operator_id, name=name, email=email or operator_id, role=role, public_key=public_key
    )
    known = session_of(context).books.operators
    if known.find(operator_id) is not None:
        raise BadInputError(
            f"OPERATOR {operator_id}: is there already; `runbooks operators list` shows everyone. "
            "Who lost their token gets a new id."
        )
    known.add(operator)
    say(f"{operator_id} may act as {role}. The token, shown only now:")
    typer.echo(token)


@app.command("list")
def list_(context: typer.Context, as_json: Json = False) -> None:
    """Everyone, the inactive too.

    \b
    runbooks operators list
    """
    everyone = session_of(context).books.operators.everyone()
    if as_json:
        return show_json([one.model_dump(mode="json") for one in everyone])
    rows = [
        (one.operator_id, one.role, "active" if one.active else "inactive", one.email, one.name) for one in everyone
    ]
    return show_table(("OPERATOR", "ROLE", "STATE", "EMAIL", "NAME"), rows, nothing="There are no operators yet.")


@app.command()
def deactivate(context: typer.Context, operator_id: OperatorId) -> None:
    """From now on nothing this operator signs counts; what was decided stays.

    \b
    runbooks operators deactivate lead-7@ops.example
    """
    session_of(context).books.operators.deactivate(operator_id)
    say(f"{operator_id} is no longer active")
