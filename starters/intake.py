"""Whether a ticket can become a case, asked of the books before anything starts.

The case checks the same again when it opens; asking first only tells the sender at once.
"""

from __future__ import annotations

from datetime import datetime

from adapters.postgres.books import Books
from billing.cases import Ending
from billing.disputes import Ticket, case_id
from billing.triage import intake_problems


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
