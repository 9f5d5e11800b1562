"""`runbooks delinquency ...`: who owes, how each recovery stands, and what is agreed on with a debtor."""

from collections.abc import Mapping
from datetime import UTC, datetime
from operator import itemgetter
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from billing.arrangements import Arrangement
from billing.authority import Role
from billing.month_end import Instruction
from billing.policy.dunning import DUNNING
from billing.recovery import ArrangementOrder
from starters import delinquency
from starters.cli.delinquency_view import show_case, show_list
from starters.cli.mistakes import field_by_field
from starters.cli.options import As, Json, Reason, Token, session_of
from starters.cli.terminal import say, show_json
from starters.permissions import Deed

app = typer.Typer(
    help="Recover unpaid invoices: where a case stands, more time, payments made elsewhere.", no_args_is_help=True
)

_ARRANGED = DUNNING.arrangements

Tenant = Annotated[str, typer.Argument(metavar="CUSTOMER", help="As `runbooks customer list` names it, such as acme.")]
_LAST_DAY = "Last day, in the customer's time zone, such as 2026-12-04"


def _day(words: str) -> Any:
    return typer.Argument(metavar="DAY", formats=["%Y-%m-%d"], help=words)


def _alone(authority: Mapping[Role, int]) -> str:
    """How many days each role may give alone, the fewest first."""
    return ", ".join(f"{role.replace('_', ' ')} {days}" for role, days in sorted(authority.items(), key=itemgetter(1)))


# What the fields of an order are typed as.
_TYPED_AS = {"until": "DAY", "days": "DAYS", "invoice": "INVOICE", "amount": "AMOUNT", "reason": "--reason"}


@app.command("list")
def list_(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Those that are over too.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000, help="At most so many.")] = 20,
    as_json: Json = False,
) -> None:
    """Recoveries under way, the newest first.

    \b
    runbooks delinquency list
    """
    rows = session_of(context).books.delinquencies.latest(limit, only_open=not everything)
    return show_json(rows) if as_json else show_list(rows, datetime.now(UTC))


@app.command()
def show(context: typer.Context, tenant: Tenant, as_json: Json = False) -> None:
    """One recovery: rung, next step and when, net due, why it waits, what was agreed, timeline.

    An earlier one is named with its number.

    \b
    runbooks delinquency show acme
    runbooks delinquency show delinquency/acme/1
    """
    session = session_of(context)
    story = session.ask(lambda client: delinquency.story(client, session.books.delinquencies, tenant))
    return show_json(story) if as_json else show_case(story)


@app.command()
def promise(
    context: typer.Context,
    tenant: Tenant,
    until: Annotated[
        datetime, _day(f"{_LAST_DAY}; at most {_ARRANGED.promise_within} days away, {_ARRANGED.promises} in a case.")
    ],
    reason: Reason,
    token: Token = None,
    name: As = None,
) -> None:
    """Note that the customer pays by the end of a day; the ladder waits for it.

    \b
    runbooks delinquency promise acme 2026-12-04 --reason "Their bank transfer is on its way." --as agent-1
    """
    _arrange(context, tenant, Arrangement.PROMISE, reason, (token, name), until=until.date())


@app.command()
def extend(
    context: typer.Context,
    tenant: Tenant,
    days: Annotated[
        int,
        typer.Argument(
            metavar="DAYS",
            min=1,
            max=366,
            help=f"How many days more of grace. Alone, in a case together: {_alone(_ARRANGED.extension)}.",
        ),
    ],
    reason: Reason,
    token: Token = None,
    name: As = None,
) -> None:
    """Give a customer more grace; what is beyond your authority waits for a second person.

    \b
    runbooks delinquency extend acme 5 --reason "A new card is in the post." --as lead-1
    """
    _arrange(context, tenant, Arrangement.EXTENSION, reason, (token, name), days=days)


@app.command()
def exempt(
    context: typer.Context,
    tenant: Tenant,
    until: Annotated[datetime, _day(f"{_LAST_DAY}.")],
    reason: Reason,
    token: Token = None,
    name: As = None,
) -> None:
    """Leave a customer alone, with full service, until the end of a day; a second person approves it.

    \b
    runbooks delinquency exempt acme 2026-12-31 --reason "A merger, agreed with their board." --as finance-1
    """
    _arrange(context, tenant, Arrangement.EXEMPTION, reason, (token, name), until=until.date())


@app.command()
def paid(
    context: typer.Context,
    tenant: Tenant,
    invoice: Annotated[str, typer.Argument(metavar="INVOICE", help="The invoice's number.")],
    amount: Annotated[
        str, typer.Argument(metavar="AMOUNT", help="What arrived, such as 310.00: all that is due on it.")
    ],
    currency: Annotated[str, typer.Option("--currency", help="In which currency, such as USD.")],
    reason: Reason,
    token: Token = None,
    name: As = None,
) -> None:
    """Have it noted that an invoice was paid another way; finance approves it.

    \b
    runbooks delinquency paid acme INV-2026-000042 310.00 --currency USD \\
        --reason "Bank statement of 3 December." --as agent-1
    """
    money = delinquency.money_of(amount, currency)
    _arrange(context, tenant, Arrangement.MANUAL_PAYMENT, reason, (token, name), invoice=invoice, amount=money)


@app.command()
def restore(context: typer.Context, tenant: Tenant, reason: Reason, token: Token = None, name: As = None) -> None:
    """Give the service back; with a debt left, back to grace.

    The debts are read at the provider now. Nothing owed: the case ends. Who may not give service back without a payment has
    it approved.

    \b
    runbooks delinquency restore acme --reason "They have shown the receipt." --as lead-1
    """
    _arrange(context, tenant, Arrangement.RESTORATION, reason, (token, name))


@app.command("try-again")
def try_again(context: typer.Context, tenant: Tenant, reason: Reason, token: Token = None, name: As = None) -> None:
    """Let a case go on that was handed over to people.

    Repair its cause first.

    \b
    runbooks delinquency try-again acme --reason "The customer is on record again." --as lead-1
    """
    session = session_of(context)
    order = Instruction(by=session.signer(token, name, Deed.ARRANGE).operator_id, reason=reason)
    book = session.books.delinquencies
    say(session.ask(lambda client: delinquency.try_again(client, book, tenant, order)))


def _arrange(
    context: typer.Context,
    tenant: str,
    kind: Arrangement,
    reason: str,
    signed: tuple[str | None, str | None],
    **terms: Any,
) -> None:
    session = session_of(context)
    by = session.signer(*signed, Deed.ARRANGE).operator_id
    try:
        order = ArrangementOrder(kind=kind, by=by, reason=reason, **terms)
    except ValidationError as error:
        raise field_by_field(error, _TYPED_AS) from None
    say(session.ask(lambda client: delinquency.arrange(client, session.books.delinquencies, tenant, order)))
