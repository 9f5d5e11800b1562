"""`runbooks access ...`: what a customer's service is limited to, limits by hand, and caps on usage."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from pydantic import ValidationError

from billing.access import AccessStanding, Cause, Limit, Restriction, service_in_words
from billing.overage import CapOrder
from starters import access
from starters.access import ByHand
from starters.cli.mistakes import BadInputError, field_by_field
from starters.cli.options import As, Json, Reason, Token, session_of
from starters.cli.terminal import say, show_fields, show_heading, show_json, show_table, when
from starters.permissions import Deed

app = typer.Typer(help="What a customer's service is limited to, and why.", no_args_is_help=True)

_SHOWN = 10

TenantName = Annotated[str, typer.Argument(metavar="CUSTOMER", help="As `runbooks customer list` names it.")]


@app.command()
def show(context: typer.Context, tenant: TenantName, as_json: Json = False) -> None:
    """What gateways are told of a customer, who asked for it, the caps that were set, and the latest changes.

    \b
    runbooks access show islaverde
    """
    books = session_of(context).books
    standing = books.restrictions.standing(tenant)
    caps, changes = books.usage_register.caps(tenant), books.restrictions.history(tenant, _SHOWN)
    if as_json:
        return show_json({"standing": standing, "caps": caps, "changes": changes})
    now = datetime.now(UTC)
    show_fields(
        [
            ("service", service_in_words(standing.restriction, standing.rate_share)),
            ("since", when(standing.since, now)),
            ("because", standing.reason),
            *((f"cap on {one.meter}", f"{one.in_words()}, {one.reason} ({one.by})") for one in caps),
        ]
    )
    show_heading("who asks for it")
    show_table(
        ("CAUSE", "SERVICE", "SINCE", "BY", "WHY"),
        [(one.cause, _service(one), when(one.since, now), one.by, one.reason) for one in standing.limits],
        nothing="Nobody limits this customer.",
    )
    show_heading("changes")
    return show_table(
        ("AT", "BY", "CAUSE", "SERVICE", "WHY"),
        [
            (when(one.at, now), one.by, one.cause, service_in_words(one.restriction, one.rate_share), one.reason)
            for one in changes
        ],
        nothing="It was never limited.",
    )


@app.command("list")
def list_(
    context: typer.Context,
    cause: Annotated[Cause | None, typer.Option("--cause", help="Only who is limited for this.")] = None,
    as_json: Json = False,
) -> None:
    """Every customer whose service is limited, by id.

    \b
    runbooks access list --cause overage
    """
    found = session_of(context).books.restrictions.limited(cause)
    if as_json:
        return show_json(found)
    now = datetime.now(UTC)
    rows = [(one.tenant_id, _service(one), one.cause, when(one.since, now), one.reason) for one in found]
    return show_table(("CUSTOMER", "SERVICE", "CAUSE", "SINCE", "WHY"), rows, nothing="Nobody is limited.")


@app.command()
def limit(
    context: typer.Context,
    tenant: TenantName,
    to: Annotated[ByHand, typer.Option("--to", help="What is left of the service.")],
    reason: Reason,
    share: Annotated[
        str | None, typer.Option("--share", help="Of the usual request rate, 0.1 for a tenth; for rate_limited only.")
    ] = None,
    token: Token = None,
    name: As = None,
) -> None:
    """Limit a customer's service by hand, until it is lifted by hand.

    Gateways read it within seconds, and may show the reason to whoever calls. It stands beside what delinquency and
    overage ask for: the strictest counts.

    \b
    runbooks access limit islaverde --to rate_limited --share 0.1 --reason "Their key is abused." --as lead-1
    """
    session = session_of(context)
    by = session.signer(token, name, Deed.LIMIT_ACCESS).operator_id
    if (share is not None) != (to is ByHand.RATE_LIMITED):
        raise BadInputError("--share: a rate limit needs one, such as 0.1, and nothing else has one")
    try:
        standing = access.limit(
            session.books.restrictions,
            tenant,
            Restriction(to),
            share,
            reason,
            by=by,
            now=datetime.now(UTC),
        )
    except ValidationError as error:
        raise field_by_field(error, {"rate_share": "--share", "reason": "--reason", "tenant_id": "CUSTOMER"}) from error
    say(f"{tenant}: {standing.in_words()}")


@app.command()
def lift(context: typer.Context, tenant: TenantName, reason: Reason, token: Token = None, name: As = None) -> None:
    """Lift what was limited by hand. What delinquency and overage ask for stays.

    \b
    runbooks access lift islaverde --reason "The key was replaced." --as lead-1
    """
    session = session_of(context)
    by = session.signer(token, name, Deed.LIMIT_ACCESS).operator_id
    try:
        standing = access.lift(session.books.restrictions, tenant, reason, by=by, now=datetime.now(UTC))
    except ValidationError as error:
        raise field_by_field(error, {"reason": "--reason", "tenant_id": "CUSTOMER"}) from error
    say(f"{tenant}: {standing.in_words()}")


@app.command()
def cap(
    context: typer.Context,
    tenant: TenantName,
    meter: Annotated[str, typer.Argument(metavar="METER", help="As it stands on the invoice, such as api_calls.")],
    reason: Reason,
    units: Annotated[str | None, typer.Option("--units", help="The cap of a service period, in units.")] = None,
    unlimited: Annotated[bool, typer.Option("--unlimited", help="No cap: more is charged, never throttled.")] = False,
    as_contracted: Annotated[
        bool, typer.Option("--as-contracted", help="What the contract includes is the cap again.")
    ] = False,
    token: Token = None,
    name: As = None,
) -> None:
    """Set a cap in place of what the contract includes; the next check of usage acts by it.

    \b
    runbooks access cap islaverde api_calls --units 20000 --reason "Agreed with them on Monday." --as lead-1
    runbooks access cap islaverde api_calls --unlimited --reason "Pays for what exceeds its plan." --as lead-1
    """
    session = session_of(context)
    by = session.signer(token, name, Deed.CAP_USAGE).operator_id
    if [units is not None, unlimited, as_contracted].count(True) != 1:
        raise BadInputError("say one of --units, --unlimited and --as-contracted")
    try:
        order = CapOrder.model_validate(
            {
                "tenant_id": tenant, "meter": meter, "cap": units, "as_contracted": as_contracted, "reason": reason,
                "by": by,
            }
        )  # fmt: skip
    except ValidationError as error:
        options = {"cap": "--units", "reason": "--reason", "tenant_id": "CUSTOMER", "meter": "METER"}
        raise field_by_field(error, options) from error
    session.books.usage_register.cap(order, datetime.now(UTC))
    say(f"{tenant}: {order.in_words()}; `runbooks schedules trigger usage-limits` checks usage now")


def _service(one: AccessStanding | Limit) -> str:
    return service_in_words(one.restriction, one.rate_share)
