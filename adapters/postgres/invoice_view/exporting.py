"""A month's documents or their lines as a file: COPY out of Postgres, written in bounded memory while it is read.

Amounts stand in major units, exactly as their currency writes them, and in whole minor units beside them.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import pyarrow as pa
from psycopg import sql
from sqlalchemy import Engine, text

from adapters.postgres.exports.files import ID, MOMENT, QUANTITY, TEXT, Copy, CountedFile, CsvCopy, ParquetCopy
from adapters.postgres.exports.reading import long_reading
from adapters.postgres.exports.spreadsheets import defused
from adapters.postgres.exports.streaming import AS_CSV, AS_JSON_LINES, Noting, export
from billing.evidence import EvidenceFile
from billing.money import MINOR_UNIT_PLACES

# Every currency's minor unit fits: the finest has three decimals.
_AMOUNT, _MINOR, _DAY = pa.decimal128(24, 3), pa.int64(), pa.date32()

_DOCUMENT = pa.schema(
    [
        ("number", ID), ("kind", TEXT), ("invoice_id", ID), ("tenant_id", ID), ("tenant", ID), ("period", TEXT),
        ("service_start", _DAY), ("service_end", _DAY), ("status", TEXT), ("currency", TEXT), ("issued_at", MOMENT),
        ("net", _AMOUNT), ("tax", _AMOUNT), ("total", _AMOUNT), ("credits_applied", _AMOUNT), ("due", _AMOUNT),
        ("net_minor", _MINOR), ("tax_minor", _MINOR), ("total_minor", _MINOR), ("credits_applied_minor", _MINOR),
        ("due_minor", _MINOR), ("corrects", ID), ("corrected_by", ID), ("legal_entity", TEXT), ("provider_id", ID),
        ("run_id", TEXT), ("pdf_sha256", ID),
    ]
)  # fmt: skip
_LINE = pa.schema(
    [
        ("number", ID), ("kind", TEXT), ("tenant_id", ID), ("period", TEXT), ("status", TEXT), ("currency", TEXT),
        ("issued_at", MOMENT), ("line", pa.int32()), ("line_kind", TEXT), ("description", TEXT), ("meter", TEXT),
        ("quantity", QUANTITY), ("amount", _AMOUNT), ("amount_minor", _MINOR), ("rate", pa.decimal128(9, 6)),
        ("service_start", _DAY), ("service_end", _DAY), ("active_days", pa.int16()), ("period_days", pa.int16()),
        ("corrected_by", ID),
    ]
)  # fmt: skip

# Who an invoice is from and what its lines say can hold anything; what we number and spell ourselves cannot.
_FROM_OUTSIDE = frozenset({"number", "tenant", "description", "corrects", "corrected_by", "provider_id"})

_KIND = sql.SQL("case when invoice.revision > 1 then 'corrected_invoice' else 'invoice' end")

# A document's tax lines are looked up by its own lines' key, so the month's lines are read once whatever else there is.
_DOCUMENTS = sql.SQL("""
    select invoice.number, {kind} as kind, invoice.invoice_id, invoice.tenant_id, tenant.name as tenant, invoice.period,
        invoice.service_start, invoice.service_end, invoice.status, invoice.currency, invoice.issued_at,
        (invoice.total_minor - tax.minor) * unit.size as net, tax.minor * unit.size as tax,
        invoice.total_minor * unit.size as total, invoice.applied_credit_minor * unit.size as credits_applied,
        (invoice.total_minor - invoice.applied_credit_minor) * unit.size as due,
        invoice.total_minor - tax.minor as net_minor, tax.minor as tax_minor, invoice.total_minor,
        invoice.applied_credit_minor as credits_applied_minor,
        invoice.total_minor - invoice.applied_credit_minor as due_minor,
        earlier.number as corrects, later.number as corrected_by, invoice.legal_entity_id as legal_entity,
        invoice.provider_invoice_id as provider_id, invoice.run_id, printed.sha256 as pdf_sha256
    from invoices as invoice
    join tenants as tenant using (tenant_id)
    join {units} on unit.currency = invoice.currency
    cross join lateral (
        select cast(coalesce(sum(amount_minor), 0) as bigint) as minor from invoice_lines as line
        where line.invoice_id = invoice.invoice_id and line.kind = 'tax'
    ) as tax
    left join invoices as earlier on earlier.invoice_id = invoice.corrects
    left join invoices as later on later.corrects = invoice.invoice_id
    left join invoice_documents as printed on printed.number = invoice.number
    where invoice.period = %(period)s and invoice.number is not null
    union all
    select note.number, 'credit_note', invoice.invoice_id, invoice.tenant_id, tenant.name, invoice.period,
        invoice.service_start, invoice.service_end, null, note.currency, note.issued_at,
        null, null, -note.amount_minor * unit.size, null, null,
        null, null, -note.amount_minor, null, null,
        invoice.number, null, invoice.legal_entity_id, note.provider_id, null, printed.sha256
    from credit_notes as note
    join invoices as invoice using (invoice_id)
    join tenants as tenant using (tenant_id)
    join {units} on unit.currency = note.currency
    left join invoice_documents as printed on printed.number = note.number
    where invoice.period = %(period)s
""")

_LINES = sql.SQL("""
    select invoice.number, {kind} as kind, invoice.tenant_id, invoice.period, invoice.status, invoice.currency,
        invoice.issued_at, line.number as line, line.kind as line_kind, line.description, line.meter, line.quantity,
        line.amount_minor * unit.size as amount, line.amount_minor, line.rate, line.service_start, line.service_end,
        line.active_days, line.period_days, later.number as corrected_by
    from invoices as invoice
    join invoice_lines as line using (invoice_id)
    join {units} on unit.currency = invoice.currency
    left join invoices as later on later.corrects = invoice.invoice_id
    where invoice.period = %(period)s and invoice.number is not null
    union all
    select note.number, 'credit_note', invoice.tenant_id, invoice.period, null, note.currency, note.issued_at, 1, null,
        'Credit note on ' || invoice.number, null, 1, -note.amount_minor * unit.size, -note.amount_minor, null,
        null, null, null, null, null
    from credit_notes as note
    join invoices as invoice using (invoice_id)
    join {units} on unit.currency = note.currency
    where invoice.period = %(period)s
""")

_ORDERED = sql.SQL("select {columns} from ({rows}) as exported order by {order}")

_COUNTED = text("""
    select (select count(*) from invoices where period = :period and number is not null)
        + (select count(*) from credit_notes join invoices using (invoice_id) where period = :period)
""")


class ExportFormat(StrEnum):
    """How an export is written; Parquet keeps the types."""

    CSV = "csv"
    PARQUET = "parquet"
    JSON = "json"


def count_documents(engine: Engine, period: str) -> int:
    """How many documents a month has."""
    with long_reading(engine) as connection:
        return int(connection.execute(_COUNTED, {"period": period}).scalar_one())


def export_documents(
    engine: Engine, period: str, form: ExportFormat, file: CountedFile, noting: Noting, *, lines: bool
) -> EvidenceFile:
    """Write the month's documents, or their lines, by number; says what was written.

    In CSV, text that a spreadsheet would take for a formula is defused; Parquet and JSON hold it as it is.
    """
    schema, rows = (_LINE, _LINES) if lines else (_DOCUMENT, _DOCUMENTS)
    statement = _ORDERED.format(
        columns=sql.SQL(", ").join(_column(field, form) for field in schema),
        rows=rows.format(kind=_KIND, units=_units()),
        order=sql.SQL("number, line" if lines else "number"),
    )
    with long_reading(engine) as connection:
        copies = [_copy(form, file, schema)]
        spoken = AS_JSON_LINES if form is ExportFormat.JSON else AS_CSV
        (written,) = export(connection, statement, {"period": period}, copies, noting, form=spoken)
    return written


class JsonCopy:
    """Satisfies `Copy` with a JSON array, an object a row; takes a row a line, each of them an object."""

    def __init__(self, file: CountedFile) -> None:
        self._file = file
        self._between = b"[\n"

    def header(self, line: bytes) -> None:
        """Every object names its fields itself."""

    def add(self, block: memoryview) -> None:
        self._file.write(self._between + bytes(block[:-1]).replace(b"\n", b",\n"))
        self._between = b",\n"

    def finish(self, rows: int) -> EvidenceFile:
        self._file.write(b"\n]\n" if rows else b"[]\n")
        return self._file.seal("application/json", rows)

    def abandon(self) -> None:
        self._file.close()


def _copy(form: ExportFormat, file: CountedFile, schema: pa.Schema) -> Copy:
    match form:
        case ExportFormat.CSV:
            return CsvCopy(file)
        case ExportFormat.PARQUET:
            return ParquetCopy(file, schema)
        case ExportFormat.JSON:
            return JsonCopy(file)


def _column(field: pa.Field, form: ExportFormat) -> sql.Composable:
    if form is ExportFormat.CSV and field.name in _FROM_OUTSIDE:
        return defused(field.name)
    if form is ExportFormat.JSON and pa.types.is_decimal(field.type):
        # As text, so that no reader rounds it.
        return sql.SQL("cast({name} as text) as {name}").format(name=sql.Identifier(field.name))
    return sql.Identifier(field.name)


def _units() -> sql.Composed:
    """Each currency's minor unit in major ones, such as 0.01, with the decimals that its amounts are written with."""
    sizes = (
        sql.SQL("({}, {})").format(sql.Literal(currency), sql.Literal(Decimal(1).scaleb(-places)))
        for currency, places in MINOR_UNIT_PLACES.items()
    )
    return sql.SQL("(values {}) as unit(currency, size)").format(sql.SQL(", ").join(sizes))
