"""A credit note with the two documents it stands between."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, select

from adapters.postgres.press.reading import Manuscript, manuscripts
from adapters.postgres.tables import credit_notes
from billing.money import Money


class NotePrint(NamedTuple):
    """A note as the books hold it, with the document it corrects and the one that restates it."""

    number: str
    amount: Money
    issued_at: datetime
    corrected: Manuscript
    revision: Manuscript


def note_of(connection: Connection, number: str) -> NotePrint | None:
    """The note with this number, or None."""
    row = connection.execute(select(credit_notes).where(credit_notes.c.number == number)).mappings().one_or_none()
    if row is None:
        return None
    found = {
        manuscript.invoice.invoice_id: manuscript
        for manuscript in manuscripts(connection, [row["invoice_id"], row["corrected_invoice_id"]])
    }
    return NotePrint(
        number=row["number"],
        amount=Money(minor=row["amount_minor"], currency=row["currency"]),
        issued_at=row["issued_at"],
        corrected=found[row["invoice_id"]],
        revision=found[row["corrected_invoice_id"]],
    )
