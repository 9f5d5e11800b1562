"""`runbooks contract ...`: the terms that a customer's bills are made from."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from billing.accounts import Agreement
from billing.contracts import Contract, Terms
from billing.periods import local_day
from billing.tenants import Tenant
from billing.wording import counted
from starters.cli.customers import TenantName
from starters.cli.files import read_model
from starters.cli.mistakes import BadInputError, field_by_field
from starters.cli.options import As, Json, Reason, Token, session_of
from starters.cli.terminal import say, show_json, show_table
from starters.permissions import Deed

app = typer.Typer(help="The terms that a customer's bills are made from.", no_args_is_help=True)

TermsFile = Annotated[Path, typer.Argument(metavar="FILE", help="The terms as JSON; - reads standard input.")]


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day: write it as yyyy-mm-dd, for example 2026-12-01") from None


Day = Annotated[
    date, typer.Option("--from", parser=_day, metavar="DAY", help="The first local day, such as 2026-12-01.")
]


@app.command("list")
def list_(context: typer.Context, tenant: TenantName, as_json: Json = False) -> None:
    """Every contract of a customer, the oldest first.

    \b
    runbooks contract list orlanda
    """
    accounts = session_of(context).books.accounts
    customer, agreed = accounts.customer(tenant), accounts.contracts(tenant)
    if as_json:
        return show_json(agreed)
    rows = [(one.contract_id, *_days(one, customer), len(one.terms.prices), _extras(one)) for one in agreed]
    columns = ("CONTRACT", "FROM", "BEFORE", "METERS", "ALSO")
    return show_table(columns, rows, nothing=f"{tenant} has no contract: nothing can be billed.")


@app.command()
def show(
    context: typer.Context,
    tenant: TenantName,
    on: Annotated[
        date | None, typer.Option("--on", parser=_day, metavar="DAY", help="The terms of this day. Default: today.")
    ] = None,
) -> None:
    """The terms in force, as the JSON that `agree` takes: write a new contract by changing this one.

    \b
    runbooks contract show orlanda > orlanda.json
    """
    accounts = session_of(context).books.accounts
    customer = accounts.customer(tenant)
    day = on or local_day(datetime.now(UTC), customer.zone)
    for one in accounts.contracts(tenant):
        first, before = _days(one, customer)
        if first <= day and (before is None or day < before):
            return show_json(one.terms.model_dump(mode="json"))
    raise BadInputError(
        f"--on {day}: {tenant} has no contract on that day; `runbooks contract list {tenant}` shows them"
    )


@app.command()
def check(file: TermsFile) -> None:
    """Say whether terms can be agreed on, and what is wrong with them; nothing is written.

    \b
    runbooks contract check orlanda.json
    """
    terms = read_model(file, Terms)
    say(
        f"{file} can be agreed on: {terms.currency}, {counted(len(terms.prices), 'meter')}, {counted(len(terms.fees), 'fee')}"
    )


@app.command()
def agree(
    context: typer.Context,
    tenant: TenantName,
    file: TermsFile,
    first: Day,
    reason: Reason,
    before: Annotated[
        date | None, typer.Option("--before", parser=_day, metavar="DAY", help="The first day without. Default: open.")
    ] = None,
    token: Token = None,
    name: As = None,
) -> None:
    """Put terms on record from a local day on; what was in force ends there. Days that are billed are never touched.

    In the middle of a service period both terms are billed by their days.

    \b
    runbooks contract agree orlanda orlanda.json --from 2026-12-01 --reason "Renewed." --as finance-1
    """
    session = session_of(context)
    by = session.signer(token, name, Deed.AGREE).operator_id
    agreement = _agreement(tenant, read_model(file, Terms), first, before)
    agreed = session.books.accounts.agree(agreement, by, reason, datetime.now(UTC))
    _, ends = _days(agreed, session.books.accounts.customer(tenant))
    say(f"{agreed.contract_id} holds from {first}{f', before {ends}' if ends else ''}")


@app.command()
def end(
    context: typer.Context,
    tenant: TenantName,
    on: Annotated[date, typer.Option("--on", parser=_day, metavar="DAY", help="The first local day without.")],
    reason: Reason,
    token: Token = None,
    name: As = None,
) -> None:
    """Let the contract end that has no end yet.

    \b
    runbooks contract end orlanda --on 2027-01-01 --reason "Cancelled in writing." --as finance-1
    """
    session = session_of(context)
    by = session.signer(token, name, Deed.AGREE).operator_id
    try:
        ended = session.books.accounts.end(tenant, on, by, reason, datetime.now(UTC))
    except ValidationError as error:
        raise field_by_field(error, {"ends": "--on"}) from error
    say(f"{ended.contract_id} ends before {on}")


def _agreement(tenant: str, terms: Terms, first: date, before: date | None) -> Agreement:
    if before is not None and before <= first:
        raise BadInputError(f"--before {before}: write a day after --from {first}")
    try:
        return Agreement(tenant_id=tenant, terms=terms, first=first, end=before)
    except ValidationError as error:
        raise field_by_field(error, {"tenant_id": "CUSTOMER"}) from error


def _days(contract: Contract, customer: Tenant) -> tuple[date, date | None]:
    """The first local day, and the first one after the contract."""
    return local_day(contract.starts, customer.zone), contract.ends and local_day(contract.ends, customer.zone)


def _extras(contract: Contract) -> str:
    terms = contract.terms
    named = [part.name for parts in (terms.fees, terms.discounts, terms.fixed_discounts) for part in parts]
    return ", ".join(
        [*named, *([terms.tax.name] if terms.tax else []), *(["a minimum"] if terms.minimum_minor else [])]
    )
