"""What was written back to tickets, for desks without an interface of their own (C7)."""

from __future__ import annotations

from sqlalchemy import Engine, select
from sqlalchemy.dialects.postgresql import insert

from adapters.postgres.engine import transaction
from adapters.postgres.tables import ticket_notes


class TicketNotes:
    """Satisfies `TicketDesk`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def note(self, ticket_id: str, op_key: str, text: str) -> None:
        once = insert(ticket_notes).values(op_key=op_key, ticket_id=ticket_id, text=text).on_conflict_do_nothing()
        with transaction(self._engine) as connection:
            connection.execute(once)

    def on(self, ticket_id: str) -> list[str]:
        """The notes on a ticket, oldest first."""
        notes = ticket_notes.c
        written = select(notes.text).where(notes.ticket_id == ticket_id).order_by(notes.noted_at, notes.op_key)
        with transaction(self._engine) as connection:
            return list(connection.execute(written).scalars())
