"""The press: editions decided once, pages set, files kept, hashes written down; all of a batch in two transactions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, or_, select
from sqlalchemy.dialects.postgresql import insert as upsert

from activities.ports import Heartbeat
from adapters.document_files import DocumentFiles
from adapters.pdf import print_pdf
from adapters.postgres.engine import transaction
from adapters.postgres.press.credit_notes import NotePrint, note_of
from adapters.postgres.press.reading import Manuscript, manuscripts, unprinted
from adapters.postgres.tables import invoice_documents, invoices
from billing.documents import DocumentKind, Party
from billing.failures import BillingFailure, FailureCode
from billing.month_end import BatchResult, Shard
from billing.periods import local_day
from billing.policy.standard import INVOICE_PUSH
from billing.printing import Edition, printed_credit_note, printed_invoice

# Documents of an earlier system name no legal entity of ours.
_NOBODY = Party(name="", address="")
_TOLD_EVERY = 10


class Press:
    """Satisfies `DocumentPress`; `pdf` is for whoever shows one document."""

    def __init__(self, engine: Engine, files: DocumentFiles) -> None:
        self._engine = engine
        self._files = files

    def print(self, run_id: str, batch: Shard, heartbeat: Heartbeat) -> BatchResult:
        """What was printed before counts as done only once; printing again after a crash writes nothing new."""
        with transaction(self._engine) as connection:
            waiting = unprinted(connection, run_id, batch.first, batch.last)
        rows = []
        for done, manuscript in enumerate(waiting, start=1):
            rows.append(self._printed(manuscript, _edition(manuscript)))
            if done % _TOLD_EVERY == 0:
                heartbeat(f"{done} of {len(waiting)} documents printed")
        self._record(rows)
        return BatchResult(done=len(rows))

    def pdf(self, name: str) -> tuple[str, str, bytes]:
        """Number, SHA-256 and bytes of a document by its number, or of an invoice by its id; printed now if it never was.

        Raises NOT_FOUND, and CONFLICT when printing it again no longer gives the bytes that were first printed.
        """
        with transaction(self._engine) as connection:
            row = _row(connection, name)
            if row is None:
                row = self._first_print(connection, name)
            content = self._files.read(row["sha256"])
            if content is None:
                content = self._again(connection, row)
        return row["number"], row["sha256"], content

    def _first_print(self, connection: Connection, name: str) -> RowMapping:
        found = connection.execute(
            select(invoices.c.invoice_id).where(or_(invoices.c.invoice_id == name, invoices.c.number == name))
        ).scalar_one_or_none()
        note = note_of(connection, name) if found is None else None
        waiting = manuscripts(connection, [found]) if found else []
        if note is not None:
            printed = self._note(note, _note_edition(note))
        elif waiting:
            printed = self._printed(waiting[0], _edition(waiting[0]))
        else:
            raise BillingFailure(FailureCode.NOT_FOUND, f"there is no issued document {name}")
        connection.execute(_insert(), [printed])
        row = _row(connection, printed["number"])
        assert row is not None  # noqa: S101 - written above, or by whoever was faster
        return row

    def _again(self, connection: Connection, row: RowMapping) -> bytes:
        edition = Edition.model_validate(row["edition"])
        if row["kind"] == DocumentKind.CREDIT_NOTE.value:
            note = note_of(connection, row["number"])
            assert note is not None  # noqa: S101 - a printed note is on record
            content = _note_pdf(note, edition)
        else:
            content = print_pdf(printed_invoice(manuscripts(connection, [row["invoice_id"]])[0].invoice, edition))
        if self._files.keep(content) != row["sha256"]:
            raise BillingFailure(
                FailureCode.CONFLICT,
                f"{row['number']} does not print as it was first printed: restore its file {row['sha256']} from a backup",
            )
        return content

    def _printed(self, manuscript: Manuscript, edition: Edition) -> dict[str, Any]:
        content = print_pdf(printed_invoice(manuscript.invoice, edition))
        return self._kept(manuscript.invoice.number, manuscript.kind, manuscript.invoice.invoice_id, content, edition)

    def _note(self, note: NotePrint, edition: Edition) -> dict[str, Any]:
        content = _note_pdf(note, edition)
        return self._kept(note.number, DocumentKind.CREDIT_NOTE, note.corrected.invoice.invoice_id, content, edition)

    def _kept(
        self, number: str, kind: DocumentKind, invoice_id: str, content: bytes, edition: Edition
    ) -> dict[str, Any]:
        return {
            "number": number,
            "kind": kind.value,
            "invoice_id": invoice_id,
            "sha256": self._files.keep(content),
            "bytes": len(content),
            "edition": edition.model_dump(mode="json"),
        }

    def _record(self, rows: Sequence[dict[str, Any]]) -> None:
        if rows:
            with transaction(self._engine) as connection:
                connection.execute(_insert(), rows)


def _note_pdf(note: NotePrint, edition: Edition) -> bytes:
    return print_pdf(
        printed_credit_note(note.number, note.amount, note.corrected.invoice, note.revision.invoice, edition)
    )


def _edition(manuscript: Manuscript) -> Edition:
    issued_at = manuscript.invoice.issued_at
    assert issued_at is not None  # noqa: S101 - only issued documents have a number
    issued_on = local_day(issued_at, manuscript.zone)
    return Edition(
        seller=manuscript.seller or _NOBODY,
        buyer=manuscript.buyer,
        locale=manuscript.locale,
        issued_on=issued_on,
        due_on=_due_on(manuscript, issued_on),
        charged_automatically=manuscript.charged_automatically,
        corrects=manuscript.corrects,
        credit_note=manuscript.credit_note,
    )


def _due_on(manuscript: Manuscript, issued_on: date) -> date | None:
    """When it is to be paid; a correction leaves the first document's day as it was."""
    if manuscript.invoice.revision > 1 or manuscript.invoice.due_minor <= 0:
        return None
    return issued_on if manuscript.charged_automatically else issued_on + timedelta(days=INVOICE_PUSH.days_until_due)


def _note_edition(note: NotePrint) -> Edition:
    issued_on = local_day(note.issued_at, note.corrected.zone)
    return _edition(note.corrected).model_copy(update={"issued_on": issued_on, "due_on": None})


def _row(connection: Connection, name: str) -> RowMapping | None:
    """The record of a document by its number, or of an invoice by its id."""
    of_invoice = (invoice_documents.c.invoice_id == name) & (invoice_documents.c.kind != DocumentKind.CREDIT_NOTE.value)
    wanted = select(invoice_documents).where(or_(invoice_documents.c.number == name, of_invoice))
    return connection.execute(wanted).mappings().one_or_none()


def _insert() -> Any:
    """Whoever printed a document at the same moment printed the same bytes."""
    return upsert(invoice_documents).on_conflict_do_nothing(index_elements=["number"])
