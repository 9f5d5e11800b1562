"""What a support desk may tell us: a ticket was created, the customer replied, the customer gave up."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from adapters import zendesk
from billing.cases import CustomerReply, SentReply, Withdrawal
from billing.disputes import Ticket, TicketId
from console.errors import Refusal, field_errors


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TicketCreated(_Event):
    """A new dispute; the same ticket again is the same case."""

    event: Literal["created"]
    ticket: Ticket


class CustomerReplied(_Event):
    """The customer wrote; the same `reply_id` counts once."""

    event: Literal["replied"]
    ticket_id: TicketId
    reply: CustomerReply


class ReplySent(CustomerReplied):
    """The same as a support desk sends it."""

    reply: SentReply


class TicketWithdrawn(_Event):
    """The customer no longer contests the bill."""

    event: Literal["withdrawn"]
    ticket_id: TicketId
    withdrawal: Withdrawal


# What a support desk sends first.
EXAMPLE: dict[str, object] = {
    "event": "created",
    "ticket": {
        "ticket_id": "T-1042",
        "tenant_id": "acme",
        "period": "2026-10",
        "meters": ["api_calls"],
        "category": "usage_calculation",
        "claimed_amount": "100.00",
        "billed_amount": "148.20",
        "currency": "USD",
        "requester": {"name": "Accounts", "email": "accounts@acme.example"},
        "subject": "Too much on our October bill",
        "description": "We count fewer calls than you do.",
        "evidence": [{"name": "calls.csv", "link": "https://files.acme.example/calls.csv"}],
        "opened_at": "2026-11-21T09:00:00Z",
    },
}

TicketEvent = TicketCreated | CustomerReplied | TicketWithdrawn

_EVENTS: TypeAdapter[TicketCreated | ReplySent | TicketWithdrawn] = TypeAdapter(
    Annotated[TicketCreated | ReplySent | TicketWithdrawn, Field(discriminator="event")]
)


def read_event(body: bytes) -> TicketEvent:
    """The event in a body; raises a 400 for what is no JSON, a 422 naming every wrong field."""
    with _explained():
        return _EVENTS.validate_json(body)


def read_zendesk_event(body: bytes) -> TicketEvent | None:
    """The same for a Zendesk trigger; None for a comment that is not the customer's or not public."""
    with _explained():
        match zendesk.read_event(body):
            case zendesk.TicketOpened(ticket=ticket):
                return TicketCreated(event="created", ticket=ticket)
            case zendesk.CustomerCommented(ticket_id=ticket_id, reply=reply):
                return CustomerReplied(event="replied", ticket_id=ticket_id, reply=reply)
            case zendesk.DisputeWithdrawn(ticket_id=ticket_id, withdrawal=withdrawal):
                return TicketWithdrawn(event="withdrawn", ticket_id=ticket_id, withdrawal=withdrawal)
            case None:
                return None


@contextmanager
def _explained() -> Iterator[None]:
    """Answer what cannot be read in the one shape of errors."""
    try:
        yield
    except ValidationError as error:
        flaws = error.errors(include_url=False)
        if flaws[0]["type"] == "json_invalid":
            raise Refusal(
                400, "malformed_json", f"the body is not JSON: {flaws[0]['msg'].removeprefix('Invalid JSON: ')}"
            ) from None
        # The first part of a location is the kind of event, which the sender did not write there.
        kinds = {"created", "replied", "commented", "withdrawn"}
        within = 1 if flaws[0]["loc"] and flaws[0]["loc"][0] in kinds else 0
        fields = field_errors(flaws, within=within)
        raise Refusal(422, "invalid", "the ticket cannot be accepted as it is", fields=fields) from None
