"""`runbooks portal ...`: the customers' portal."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from billing.failures import BillingFailure, FailureCode
from starters.cli.options import As, Json, Token, session_of
from starters.cli.terminal import say, show_json
from starters.permissions import Deed
from starters.portal_links import DEFAULT_DAYS, LONGEST_DAYS, address_of, new_link, seal_of

app = typer.Typer(help="The customers' portal.", no_args_is_help=True)


@app.callback()
def portal() -> None:
    """The customers' portal."""


@app.command()
def link(
    context: typer.Context,
    tenant: Annotated[
        str, typer.Argument(metavar="CUSTOMER", help="As `runbooks customer list` names it, such as acme.")
    ],
    days: Annotated[
        int, typer.Option("--days", min=1, max=LONGEST_DAYS, help="How long the link works.")
    ] = DEFAULT_DAYS,
    token: Token = None,
    name: As = None,
    as_json: Json = False,
) -> None:
    """Make a link to a customer's usage, bills and disputes; whoever has it sees them until it expires.

    \b
    runbooks portal link quillmere --as agent-1
    runbooks portal link quillmere --days 30 --as account-manager-1
    """
    session = session_of(context)
    settings = session.settings.need("portal_secret", "public_url")
    operator = session.signer(token, name, Deed.INVITE)
    if session.books.tenants.find(tenant) is None:
        raise BillingFailure(FailureCode.NOT_FOUND, f"{tenant} is not a customer: take the id from the invoice")
    seal = seal_of(settings)
    assert seal is not None  # noqa: S101 - the secret is needed above
    sealed, made = new_link(seal, tenant, datetime.now(UTC), days=days)
    if as_json:
        return show_json(
            {"tenant_id": tenant, "url": address_of(settings, sealed), "expires_at": made.expires_at.isoformat()}
        )
    say(f"{operator.operator_id} opens the portal of {tenant} until {made.expires_at:%Y-%m-%d %H:%M} UTC:")
    return typer.echo(address_of(settings, sealed))
