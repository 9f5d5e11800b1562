"""Closing a round of a dispute: the register, the decision log and the ticket, each written once."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict
from temporalio import activity

from activities.ports import CaseBook, Closing, TicketDesk


class TicketNote(BaseModel):
    """What support reads in the ticket afterwards: root cause, credit reference, prevention (C7)."""

    model_config = ConfigDict(frozen=True)

    ticket_id: str
    op_key: str
    text: str


@dataclass(frozen=True)
class ClosingDesk:
    """The last verbs of a round."""

    register: CaseBook
    tickets: TicketDesk

    @activity.defn(name="record_resolution", no_thread_cancel_exception=True)
    def record(self, closing: Closing) -> None:
        """End the round in the register; decision-log line and billing correction in the same transaction (C7, D13)."""
        self.register.close(closing)

    @activity.defn(name="note_on_ticket", no_thread_cancel_exception=True)
    def note(self, note: TicketNote) -> None:
        """Write the outcome back to the support desk, once per key."""
        self.tickets.note(note.ticket_id, note.op_key, note.text)
