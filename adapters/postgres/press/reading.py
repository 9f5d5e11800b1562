"""Documents with everything that is printed of them, read for many at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, RowMapping, text

from billing.documents import DocumentKind, Party
from billing.invoices import Invoice

# A document without parties of its own was issued before they were kept: today's stand in.
_DOCUMENTS = """
    select invoice.*, seller.party as seller, buyer.party as buyer, tenant.locale, tenant.zone, tenant.name as tenant_name,
        tenant.collection = 'charge_automatically' as charged_automatically,
        (select number from invoices as earlier where earlier.invoice_id = invoice.corrects) as corrects_number,
        (select note.number from credit_notes as note where note.corrected_invoice_id = invoice.invoice_id) as credit_note
    from invoices as invoice
    join tenants as tenant using (tenant_id)
    left join parties as seller on seller.party_id = invoice.billed_by
    left join parties as buyer on buyer.party_id = invoice.billed_to
    where invoice.number is not null and {which}
    order by invoice.tenant_id, invoice.revision
"""

_BY_ID = text(_DOCUMENTS.format(which="invoice.invoice_id = any(:invoice_ids)"))

_UNPRINTED = text(
    _DOCUMENTS.format(
        which="""invoice.period = (select period from billing_runs where run_id = :run_id) and invoice.kind = 'usage'
        and invoice.revision = 1 and invoice.status not in ('draft', 'void') and invoice.run_id is not null
        and invoice.tenant_id between :first and :last
        and not exists (select from invoice_documents as printed where printed.number = invoice.number)"""
    )
)

_LINES = text("""
    select line.*, price.price as applied_price from invoice_lines as line left join prices as price using (price_id)
    where line.invoice_id = any(:invoice_ids) order by line.invoice_id, line.number
""")


class Manuscript(NamedTuple):
    """A document as the books hold it, with what only its first printing decides."""

    invoice: Invoice
    kind: DocumentKind
    seller: Party | None
    buyer: Party
    locale: str
    zone: str
    charged_automatically: bool
    corrects: str | None
    credit_note: str | None


def unprinted(connection: Connection, run_id: str, first: str, last: str) -> list[Manuscript]:
    """The documents of a run's period in a range of tenants that have not been printed; those of a system before ours are
    printed only when somebody wants them."""
    rows = connection.execute(_UNPRINTED, {"run_id": run_id, "first": first, "last": last}).mappings().all()
    return _with_lines(connection, rows)


def manuscripts(connection: Connection, invoice_ids: Sequence[str]) -> list[Manuscript]:
    """Issued documents by id; what is a draft or unknown is left out."""
    rows = connection.execute(_BY_ID, {"invoice_ids": list(invoice_ids)}).mappings().all()
    return _with_lines(connection, rows)


def _with_lines(connection: Connection, rows: Sequence[RowMapping]) -> list[Manuscript]:
    lines: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in connection.execute(_LINES, {"invoice_ids": [row["invoice_id"] for row in rows]}).mappings():
        lines[line["invoice_id"]].append(dict(line))
    return [_manuscript(row, lines[row["invoice_id"]]) for row in rows]


def _manuscript(row: RowMapping, lines: list[dict[str, Any]]) -> Manuscript:
    return Manuscript(
        invoice=Invoice.model_validate(dict(row) | {"lines": lines}),
        kind=DocumentKind.CORRECTED_INVOICE if row["revision"] > 1 else DocumentKind.INVOICE,
        seller=Party.model_validate(row["seller"]) if row["seller"] else None,
        buyer=Party.model_validate(row["buyer"]) if row["buyer"] else Party(name=row["tenant_name"], address=""),
        locale=row["locale"],
        zone=row["zone"],
        charged_automatically=row["charged_automatically"],
        corrects=row["corrects_number"],
        credit_note=row["credit_note"],
    )
