"""`runbooks customer ...`: who is billed, what their documents print, and who changed it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from billing.accounts import AccountChange, Customer, CustomerChange
from billing.tenants import Collection, Tier
from starters.cli.files import read_model
from starters.cli.mistakes import field_by_field
from starters.cli.options import As, Json, Reason, Token, session_of
from starters.cli.terminal import say, show_fields, show_heading, show_json, show_table, when
from starters.permissions import Deed

app = typer.Typer(help="Who is billed, and what their documents print.", no_args_is_help=True)

_SHOWN = 10

TenantName = Annotated[str, typer.Argument(metavar="CUSTOMER", help="As `runbooks customer list` names it.")]


@app.command("list")
def list_(
    context: typer.Context,
    after: Annotated[str, typer.Option("--after", help="Only customers whose id sorts after this one.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000, help="At most so many.")] = 100,
    as_json: Json = False,
) -> None:
    """Customers by id.

    \b
    runbooks customer list
    """
    found = session_of(context).books.accounts.customers(after, limit)
    if as_json:
        return show_json(found)
    rows = [
        (one.tenant_id, one.name, one.tier, one.currency, one.zone, one.legal_entity_id, one.address) for one in found
    ]
    columns = ("CUSTOMER", "NAME", "TIER", "CURRENCY", "ZONE", "BILLED BY", "ADDRESS")
    return show_table(columns, rows, nothing="There are no customers yet: `runbooks customer add` brings them in.")


@app.command()
def show(context: typer.Context, tenant: TenantName, as_json: Json = False) -> None:
    """One customer, with its contracts and the latest changes.

    \b
    runbooks customer show islaverde
    """
    accounts = session_of(context).books.accounts
    customer, agreed = accounts.customer(tenant), accounts.contracts(tenant)
    changes = accounts.history(tenant, _SHOWN)
    if as_json:
        return show_json({"customer": customer, "contracts": agreed, "changes": changes})
    show_fields([(name.replace("_", " "), value) for name, value in customer.model_dump(mode="json").items()])
    now = datetime.now(UTC)
    show_heading("contracts")
    show_table(
        ("CONTRACT", "FROM", "UNTIL"),
        [(one.contract_id, when(one.starts, now), when(one.ends, now)) for one in agreed],
        nothing="None: nothing can be billed. `runbooks contract agree` puts one on record.",
    )
    show_heading("changes")
    return show_table(
        ("AT", "BY", "WHAT", "WHY"),
        [(when(one.at, now), one.by, _in_words(one), one.reason) for one in changes],
        nothing="Nothing was changed by command.",
    )


@app.command()
def add(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The customer as JSON; - reads standard input.")],
    reason: Reason,
    token: Token = None,
    name: As = None,
) -> None:
    """Bring a customer in, from a JSON file such as `runbooks customer show acme --json` prints under "customer".

    \b
    runbooks customer add acme.json --reason "Signed on Monday." --as finance-1
    """
    session = session_of(context)
    by = session.signer(token, name, Deed.KEEP_CUSTOMERS).operator_id
    customer = read_model(file, Customer)
    session.books.accounts.add(customer, by, reason, datetime.now(UTC))
    say(f"{customer.tenant_id} is in the books; `runbooks contract agree {customer.tenant_id} FILE` says what it pays")


@app.command()
def change(
    context: typer.Context,
    tenant: TenantName,
    reason: Reason,
    company: Annotated[str | None, typer.Option("--name", help="As documents print it.")] = None,
    address: Annotated[str | None, typer.Option("--address", help="As documents print it.")] = None,
    tax_id: Annotated[str | None, typer.Option("--tax-id", help="As documents print it.")] = None,
    country: Annotated[str | None, typer.Option("--country", help="Two capitals, such as DE.")] = None,
    locale: Annotated[str | None, typer.Option("--locale", help="How amounts are written, such as de-DE.")] = None,
    billing_email: Annotated[str | None, typer.Option("--billing-email", help="Where invoices go.")] = None,
    tier: Annotated[Tier | None, typer.Option("--tier", help="Selects the clocks of its cases.")] = None,
    legal_entity: Annotated[str | None, typer.Option("--legal-entity", help="The company of ours that bills.")] = None,
    collection: Annotated[Collection | None, typer.Option("--collection", help="How invoices are paid.")] = None,
    provider_customer: Annotated[
        str | None, typer.Option("--provider-customer", help="Its id at the payment provider.")
    ] = None,
    payment_method: Annotated[
        str | None,
        typer.Option("--payment-method", help="Id of a payment method at the provider; never a card number."),
    ] = None,
    token: Token = None,
    by_name: As = None,
) -> None:
    """Change what is on record of a customer; documents that are issued keep what they printed.

    \b
    runbooks customer change islaverde --address "Calle Mayor 7" --reason "Their reply of today." --as finance-1
    """
    session = session_of(context)
    by = session.signer(token, by_name, Deed.KEEP_CUSTOMERS).operator_id
    wanted = {
        "name": company, "address": address, "tax_id": tax_id, "country": country, "locale": locale, "tier": tier,
        "billing_email": billing_email, "legal_entity_id": legal_entity, "collection": collection,
        "provider_customer_id": provider_customer, "payment_method_id": payment_method,
    }  # fmt: skip
    made = session.books.accounts.change(tenant, _checked(wanted), by, reason, datetime.now(UTC))
    say(f"{tenant}: {_in_words(made)}")


_OPTIONS = {
    "legal_entity_id": "--legal-entity",
    "provider_customer_id": "--provider-customer",
    "payment_method_id": "--payment-method",
}


def _checked(wanted: dict[str, Any]) -> CustomerChange:
    try:
        return CustomerChange.model_validate(wanted)
    except ValidationError as error:
        raise field_by_field(error, {name: f"--{name.replace('_', '-')}" for name in wanted} | _OPTIONS) from error


def _in_words(change: AccountChange) -> str:
    """What reads otherwise now; a whole customer or contract is only named."""
    if change.subject != "customer" or change.before is None:
        return f"{change.subject} {change.name} {'put on record' if change.before is None else 'changed'}"
    return ", ".join(
        f"{name.replace('_', ' ')} from {change.before.get(name) or 'nothing'} to {value}"
        for name, value in change.after.items()
    )
