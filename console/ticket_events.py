"""What a support desk may tell us: a ticket was created, the customer replied, the customer gave up."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from billing.cases import CustomerReply, Withdrawal
from billing.disputes import Ticket, TicketId
from console.errors import Refusal, field_errors
from starters.intake import harmless, harmless_reply, harmless_withdrawal


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


class TicketWithdrawn(_Event):
    """The customer no longer contests the bill."""

    event: Literal["withdrawn"]
    ticket_id: TicketId
    withdrawal: Withdrawal


TicketEvent = Annotated[TicketCreated | CustomerReplied | TicketWithdrawn, Field(discriminator="event")]

_EVENTS: TypeAdapter[TicketCreated | CustomerReplied | TicketWithdrawn] = TypeAdapter(TicketEvent)


def read_event(body: bytes) -> TicketCreated | CustomerReplied | TicketWithdrawn:
    """The event in a body, without card numbers; raises a 400 for what is no JSON, a 422 naming every wrong field."""
    try:
        event = _EVENTS.validate_json(body)
    except ValidationError as error:
        flaws = error.errors(include_url=False, include_context=False)
        if flaws[0]["type"] == "json_invalid":
            raise Refusal(400, "malformed_json", f"the body is not JSON: {flaws[0]['msg']}") from None
        within = 1 if flaws[0]["loc"] else 0
        fields = field_errors(flaws, within=within)
        raise Refusal(422, "invalid", "the ticket cannot be accepted as it is", fields=fields) from None
    return redacted(event)


def redacted(
    event: TicketCreated | CustomerReplied | TicketWithdrawn,
) -> TicketCreated | CustomerReplied | TicketWithdrawn:
    """The same event without card numbers in anything a person typed."""
    match event:
        case TicketCreated():
            return event.model_copy(update={"ticket": harmless(event.ticket)})
        case CustomerReplied():
            return event.model_copy(update={"reply": harmless_reply(event.reply)})
        case TicketWithdrawn():
            return event.model_copy(update={"withdrawal": harmless_withdrawal(event.withdrawal)})
