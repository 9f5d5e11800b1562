"""`runbooks events ...`: what Stripe told us, what became of it, and trying some of it again."""

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from billing.provider_events import EventLine, EventState
from billing.wording import counted
from starters import provider_events
from starters.cli.mistakes import BadInputError
from starters.cli.options import As, Json, Reason, Token, session_of
from starters.cli.terminal import brief, say, show_fields, show_heading, show_json, show_table, when
from starters.permissions import Deed

app = typer.Typer(help="Events of Stripe: list, show, try again.", no_args_is_help=True)


@app.command("list")
def list_(
    context: typer.Context,
    state: Annotated[EventState | None, typer.Option("--state", help="Only events in this state.")] = None,
    tenant: Annotated[str | None, typer.Option("--tenant", help="Only those about this customer.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many, the newest first.")] = 50,
    as_json: Json = False,
) -> None:
    """Events as they arrived, the newest first, with what became of each.

    \b
    runbooks events list
    runbooks events list --state parked
    runbooks events list --tenant tarnwick --json
    """
    found = session_of(context).books.provider_events.newest(state, tenant, limit)
    if as_json:
        return show_json([line.model_dump(mode="json") for line in found])
    now = datetime.now(UTC)
    rows = [
        (
            line.event_id,
            line.type,
            line.state.value,
            line.tenant_id,
            when(line.received_at, now),
            line.attempts,
            when(line.next_try_at, now),
            brief(line.why or ""),
        )
        for line in found
    ]
    columns = ("EVENT", "TYPE", "STATE", "CUSTOMER", "ARRIVED", "TRIES", "NEXT", "WHY")
    return show_table(columns, rows, nothing="No event has arrived.")


@app.command()
def show(
    context: typer.Context,
    event: Annotated[str, typer.Argument(metavar="EVENT", help="The event's id, such as evt_1PqR.")],
    as_json: Json = False,
) -> None:
    """One event with what Stripe sent; secrets and links that open documents are hidden.

    \b
    runbooks events show evt_1PqR
    """
    page = provider_events.page(session_of(context).books.provider_events, event)
    if as_json:
        return show_json(page.model_dump(mode="json"))
    show_fields(_fields(page.event))
    show_heading("as it was sent")
    return say(json.dumps(page.sent, indent=2))


@app.command()
def retry(
    context: typer.Context,
    reason: Reason,
    events: Annotated[
        list[str] | None,
        typer.Argument(metavar="EVENT", help="Ids such as evt_1PqR; instead --parked for all that are parked."),
    ] = None,
    parked: Annotated[bool, typer.Option("--parked", help="Every parked one.")] = False,
    token: Token = None,
    name: As = None,
) -> None:
    """Try events again now, whatever became of them, with a week of further tries before them.

    \b
    runbooks events retry evt_1PqR --reason "Linked the invoice." --as engineering-1
    runbooks events retry --parked --reason "Stripe answers again." --as lead-1
    """
    if bool(events) == parked:
        raise BadInputError("name the events, EVENT ..., or all that are parked with --parked; not both")
    session = session_of(context)
    by = session.signer(token, name, Deed.REPAIR).operator_id
    book, queue, now = session.books.provider_events, session.settings.task_queue, datetime.now(UTC)
    if events:
        tried = session.ask(
            lambda client: provider_events.retry(client, book, events, by, reason, task_queue=queue, now=now)
        )
    else:
        tried = session.ask(
            lambda client: provider_events.retry_parked(client, book, by, reason, task_queue=queue, now=now)
        )
    say(f"{counted(tried, 'event')} will be tried again now")


def _fields(line: EventLine) -> list[tuple[str, object]]:
    now = datetime.now(UTC)
    fields: list[tuple[str, object]] = [
        ("event", line.event_id),
        ("type", line.type),
        ("happened", when(line.occurred_at, now)),
        ("arrived", f"{when(line.received_at, now)}, by {line.arrival.value}"),
        ("customer", line.tenant_id or "not known"),
        ("state", f"{line.state.value} after {counted(line.attempts, 'attempt')}"),
    ]
    if line.why:
        fields.append(("why", line.why))
    if line.next_try_at:
        fields.append(("next try", when(line.next_try_at, now)))
    if line.retried_by:
        fields.append(("tried again", f"by {line.retried_by}: {line.retried_because}"))
    return fields
