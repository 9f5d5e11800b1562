"""`runbooks holds ...`: stopping one kind of effect, and letting it happen again."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from billing.holds import HeldEffect, HoldOrder
from starters import holds
from starters.cli.options import As, Json, Reason, Token, session_of
from starters.cli.terminal import say, show_json, show_table, when
from starters.permissions import Deed

app = typer.Typer(
    help="Stop invoicing, delivery, charging ... for everybody, a tenant or a meter.", no_args_is_help=True
)


@app.command()
def place(
    context: typer.Context,
    effect: Annotated[HeldEffect, typer.Argument(help="What is stopped.")],
    reason: Reason,
    tenant: Annotated[
        str | None, typer.Option("--tenant", help="Only for this tenant. Default: for everybody.")
    ] = None,
    meter: Annotated[str | None, typer.Option("--meter", help="Only where this meter was used.")] = None,
    token: Token = None,
    name: As = None,
) -> None:
    """Stop an effect until the hold is released.

    \b
    runbooks holds place invoicing --reason "The meter counts twice since Tuesday." --as lead-1
    runbooks holds place invoice_delivery --tenant acme --reason "Their merger is settled on Friday." --as finance-1
    """
    session = session_of(context)
    by = session.signer(token, name, Deed.HOLD).operator_id
    order = HoldOrder(effect=effect, tenant_id=tenant, meter=meter, reason=reason, by=by)
    hold = session.ask(lambda client: holds.place(client, session.books.holds, order, datetime.now(UTC)))
    say(f"{hold.hold_id}: {hold.in_words()}")


@app.command()
def release(
    context: typer.Context,
    hold: Annotated[str, typer.Argument(metavar="HOLD", help="As `runbooks holds list` names it.")],
    reason: Reason,
    token: Token = None,
    name: As = None,
) -> None:
    """Let an effect happen again; whatever waits for it goes on.

    \b
    runbooks holds release hold-3 --reason "The roll-ups were made anew." --as lead-1
    """
    session = session_of(context)
    by = session.signer(token, name, Deed.HOLD).operator_id
    released = session.ask(
        lambda client: holds.release(client, session.books.holds, hold, by, reason, datetime.now(UTC))
    )
    say(f"{released.hold_id} is released by {released.released_by}")


@app.command("list")
def list_(
    context: typer.Context,
    effect: Annotated[HeldEffect | None, typer.Option("--effect", help="Only holds on this.")] = None,
    as_json: Json = False,
) -> None:
    """Every hold in force, the oldest first.

    \b
    runbooks holds list
    """
    found = session_of(context).books.holds.in_force(effect)
    if as_json:
        return show_json([hold.model_dump(mode="json") for hold in found])
    now = datetime.now(UTC)
    rows = [
        (
            hold.hold_id,
            hold.effect.value.replace("_", " "),
            hold.tenant_id or (f"meter {hold.meter}" if hold.meter else "everybody"),
            hold.placed_by,
            when(hold.placed_at, now),
            hold.reason,
        )
        for hold in found
    ]
    return show_table(("HOLD", "STOPS", "FOR", "PLACED BY", "SINCE", "WHY"), rows, nothing="Nothing is held.")
