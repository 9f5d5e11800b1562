"""A month as a file: exact in every format, harmless in a spreadsheet, streamed whatever its size."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet
from sqlalchemy import Engine, text, update

from adapters.postgres.exports.files import NewFile
from adapters.postgres.invoice_view import ExportFormat, InvoiceView
from adapters.postgres.tables import tenants
from tests.adapters.evidence.test_memory import GROWTH_MB_MAX, watched_memory
from tests.adapters.postgres.billing_runs.world import House
from tests.adapters.postgres.company import Company, invoice

FORMULA = '=HYPERLINK("http://evil.example")'
ROWS = 100_000


class Told:
    """Satisfies `Noting`."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def note(self, words: str) -> None:
        self.words.append(words)


class Clerk:
    """Exports the month into a folder and reads the file again."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.view = InvoiceView(engine)
        self.folder = folder
        self.told = Told()

    def exports(self, form: ExportFormat, period: str = "2026-10", *, lines: bool = False) -> Path:
        name = f"export-{len(list(self.folder.iterdir()))}.{form}"
        written = self.view.export(period, form, NewFile(self.folder, name), self.told, lines=lines)
        assert written.size_bytes == (self.folder / name).stat().st_size
        return self.folder / name

    def rows(self, form: ExportFormat, **wanted: Any) -> list[dict[str, Any]]:
        file = self.exports(form, **wanted)
        match form:
            case ExportFormat.CSV:
                with file.open(newline="") as opened:
                    return list(csv.DictReader(opened))
            case ExportFormat.JSON:
                return list(json.loads(file.read_text()))
            case ExportFormat.PARQUET:
                return list(parquet.read_table(file).to_pylist())


@pytest.fixture
def clerk(engine: Engine, tmp_path: Path) -> Clerk:
    return Clerk(engine, tmp_path)


@pytest.fixture
def billed(engine: Engine) -> House:
    """One customer in dollars, one in yen, one in dinars, and a month of somebody else's."""
    house = House(engine)
    for tenant_id, currency in (("acme", "USD"), ("bento", "JPY"), ("cedar", "KWD")):
        house.tenant(tenant_id, None, currency=currency)
        house.issued(tenant_id, 123_456, period="2026-10", currency=currency)
    house.issued("acme", 1, period="2026-09")
    return house


@pytest.mark.parametrize("form", ExportFormat)
def test_a_document_is_a_row_with_its_amounts_exact_in_every_format(
    billed: House, clerk: Clerk, form: ExportFormat
) -> None:
    rows = clerk.rows(form)

    told = [(row["number"], Decimal(row["total"]), int(row["total_minor"]), row["currency"]) for row in rows]
    assert told == [
        ("OLD-old-2026-10-acme", Decimal("1234.56"), 123_456, "USD"),
        ("OLD-old-2026-10-bento", Decimal(123_456), 123_456, "JPY"),
        ("OLD-old-2026-10-cedar", Decimal("123.456"), 123_456, "KWD"),
    ]


@pytest.mark.parametrize("form", [ExportFormat.CSV, ExportFormat.JSON])
def test_a_text_has_the_decimals_that_its_currency_has(billed: House, clerk: Clerk, form: ExportFormat) -> None:
    rows = clerk.rows(form)

    assert [row["total"] for row in rows] == ["1234.56", "123456", "123.456"]


@pytest.mark.parametrize("form", ExportFormat)
def test_net_tax_and_what_is_due_stand_beside_the_total(engine: Engine, clerk: Clerk, form: ExportFormat) -> None:
    house = House(engine)
    house.tenant("acme")
    house.credit("acme", 20_00, "T-7")
    house.billed()

    (row,) = clerk.rows(form)

    amounts = [Decimal(row[name]) for name in ("net", "tax", "total", "credits_applied", "due")]
    assert amounts == [Decimal(100), Decimal(19), Decimal(119), Decimal(20), Decimal(99)]
    minor = [int(row[f"{name}_minor"]) for name in ("net", "tax", "total", "credits_applied", "due")]
    assert minor == [100_00, 19_00, 119_00, 20_00, 99_00]
    assert (row["kind"], row["run_id"], row["tenant"]) == ("invoice", "2026-10#1", "Acme")


@pytest.mark.parametrize("form", ExportFormat)
def test_the_lines_of_a_month_sum_to_its_documents(company: Company, clerk: Clerk, form: ExportFormat) -> None:
    note = company.credit("40.00").credit_note_number

    documents, lines = clerk.rows(form), clerk.rows(form, lines=True)

    sums = {row["number"]: 0 for row in documents}
    for line in lines:
        sums[line["number"]] += int(line["amount_minor"])
    assert sums == {row["number"]: int(row["total_minor"]) for row in documents}
    assert sums == {note: -40_00, "INV-000042": 1000_00, "INV-000042-R2": 960_00}
    metered = next(line for line in lines if line["meter"] and line["number"] == "INV-000042")
    assert (Decimal(metered["quantity"]), Decimal(metered["amount"])) == (900_000, 900)
    assert {row["number"]: row["corrected_by"] or None for row in documents}["INV-000042"] == "INV-000042-R2"


@pytest.mark.parametrize("lines", [False, True])
def test_only_a_spreadsheet_gets_its_formulas_defused(company: Company, clerk: Clerk, lines: bool) -> None:
    with company.engine.begin() as connection:
        connection.execute(update(tenants).values(name=FORMULA))
    evil = invoice().lines[0].model_copy(update={"description": FORMULA})
    company.invoices.issue(
        invoice(
            invoice_id="evil",
            number="+1-EVIL",
            lines=(evil,),
            total_minor=100_00,
            revision=2,
            corrects="INV-2026-10-acme",
        )
    )

    in_csv, in_json, in_parquet = (clerk.rows(form, lines=lines) for form in ExportFormat)

    texts = {value for row in in_csv for value in row.values()}
    assert {f"'{FORMULA}", "'+1-EVIL"} <= texts
    assert not [value for value in texts if value.startswith(("=", "+", "@"))]
    for rows in (in_json, in_parquet):
        assert {FORMULA, "+1-EVIL"} <= {value for row in rows for value in row.values()}


@pytest.mark.parametrize("form", ExportFormat)
@pytest.mark.parametrize("lines", [False, True])
def test_a_month_without_documents_is_a_file_without_rows(
    billed: House, clerk: Clerk, form: ExportFormat, lines: bool
) -> None:
    rows = clerk.rows(form, period="2026-08", lines=lines)

    assert (rows, clerk.view.count("2026-08"), clerk.view.count("2026-10")) == ([], 0, 3)


def test_drafts_are_not_exported(engine: Engine, clerk: Clerk) -> None:
    house = House(engine)
    house.tenant("acme")
    house.rate(house.open())

    assert clerk.rows(ExportFormat.CSV) == []
    assert clerk.rows(ExportFormat.CSV, lines=True) == []


@pytest.mark.parametrize("form", ExportFormat)
def test_a_large_month_is_written_in_bounded_memory(engine: Engine, clerk: Clerk, form: ExportFormat) -> None:
    with engine.begin() as connection:
        connection.execute(text(_MANY), {"lines": ROWS})
    clerk.exports(form, period="2026-09", lines=True)

    with watched_memory() as megabytes:
        clerk.exports(form, lines=True)

    assert clerk.told.words[-1].startswith(f"exported {ROWS:,} rows, ")
    assert max(megabytes) < GROWTH_MB_MAX


# One document of so many lines: a line is a row, whichever document it is on.
_MANY = """
    with one as (
        insert into tenants (tenant_id, name, tier, currency, zone, country, locale, billing_email)
        values ('acme', 'Acme', 'pro', 'USD', 'UTC', 'US', 'en-US', 'billing@acme.example')
        returning tenant_id
    ), documents as (
        insert into invoices (invoice_id, number, tenant_id, period, kind, status, currency, total_minor, issued_at,
            revision, corrects)
        select 'i-1', 'N-1', tenant_id, '2026-10', 'usage', 'open', 'USD', :lines, now(), 1, null from one
    )
    insert into invoice_lines (invoice_id, number, description, quantity, amount_minor, kind)
    select 'i-1', number, 'Line ' || number || repeat(' of many', 10), 1, 1, 'fee' from generate_series(1, :lines) as number
"""
