"""Whether a ticket can become a case, asked of the books before anything starts.

The case checks the same again when it opens; asking first only tells the sender at once.
"""

from __future__ import annotations

from datetime import datetime

from adapters.postgres.books import Books
from billing.cases import CustomerReply, Ending, Withdrawal
from billing.disputes import Ticket, case_id
from billing.redaction import redact_card_numbers
from billing.triage import intake_problems

# The replacement may be longer than the number was; a text must still fit its field when it is read again.
_LINE, _TEXT = 300, 20_000


def harmless(ticket: Ticket) -> Ticket:
    """The ticket without card numbers in anything a person typed; done before it is started, kept or logged."""
    plain = ticket.model_dump()
    plain |= {"subject": _redacted(ticket.subject, _LINE), "description": _redacted(ticket.description, _TEXT)}
    plain["requester"]["name"] = _redacted(ticket.requester.name, _LINE)
    for attachment in plain["evidence"]:
        attachment["name"] = _redacted(attachment["name"], _LINE)
    return Ticket.model_validate(plain)


def harmless_reply(reply: CustomerReply) -> CustomerReply:
    return CustomerReply.model_validate(reply.model_dump() | {"text": _redacted(reply.text, _TEXT)})


def harmless_withdrawal(withdrawal: Withdrawal) -> Withdrawal:
    return Withdrawal.model_validate(withdrawal.model_dump() | {"reason": _redacted(withdrawal.reason, 2_000)})


def is_registered(ticket: Ticket, books: Books) -> bool:
    """Whether the register knows the ticket's case, perhaps one that Temporal has forgotten; what was turned away as
    unusable does not count, so that a corrected ticket is looked at again."""
    row = books.cases.find(case_id(ticket.ticket_id))
    return row is not None and row.ending != Ending.NOT_ACCEPTED


def problems(ticket: Ticket, books: Books, now: datetime) -> list[str]:
    """What keeps the ticket from being accepted, a sentence each that starts with the field; empty when nothing does."""
    tenant = books.tenants.find(ticket.tenant_id)
    invoice = books.invoices.latest(ticket.tenant_id, ticket.period) if tenant else None
    return list(intake_problems(ticket, tenant, invoice, books.tenants.known_meters(), now))


def _redacted(text: str, longest: int) -> str:
    return redact_card_numbers(text)[:longest]
