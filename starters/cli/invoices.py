"""`runbooks invoice ...`: issued documents listed, shown, explained, printed and exported."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from adapters.postgres.invoice_view import EVENTS_MAX, ExportFormat, ShownCreditNote, Wanted
from billing.documents import DocumentKind, file_name
from billing.invoices import InvoiceStatus
from billing.money import known_currency
from billing.periods import known_month
from billing.wording import counted
from starters.cli.export_progress import exporting
from starters.cli.invoice_words import show_credit_note, show_explanation, show_invoice
from starters.cli.mistakes import BadInputError
from starters.cli.new_files import STANDARD_OUTPUT, new_file
from starters.cli.options import Json, session_of
from starters.cli.terminal import is_for_a_person, say, show_json, show_table, when

app = typer.Typer(help="Invoices, corrected invoices and credit notes.", no_args_is_help=True)

Document = Annotated[str, typer.Argument(metavar="NUMBER", help="The document's number, or an invoice's id.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that is there.")]


@app.command("list")
def list_(
    context: typer.Context,
    tenant: Annotated[str | None, typer.Option("--tenant", help="Only this customer's.")] = None,
    period: Annotated[
        str | None, typer.Option("--period", "-p", parser=known_month, metavar="YYYY-MM", help="Only one month's.")
    ] = None,
    status: Annotated[InvoiceStatus | None, typer.Option("--status", help="Only with this status.")] = None,
    currency: Annotated[
        str | None, typer.Option("--currency", parser=known_currency, metavar="CODE", help="Only in this currency.")
    ] = None,
    kind: Annotated[DocumentKind | None, typer.Option("--kind", help="Only documents of this kind.")] = None,
    after: Annotated[str | None, typer.Option("--after", metavar="NUMBER", help="Go on behind this number.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000, help="At most so many.")] = 50,
    as_json: Json = False,
) -> None:
    """Issued documents, the highest number first.

    \b
    runbooks invoice list --period 2026-10 --status open
    runbooks invoice list --tenant brackenfield --kind credit_note --json
    """
    wanted = Wanted(tenant_id=tenant, period=period, status=status, currency=currency, kind=kind)
    page = session_of(context).books.documents.page(wanted, after=after, limit=limit)
    if as_json:
        return show_json(page)
    now = datetime.now(UTC)
    rows = [
        (
            one.number,
            one.kind.replace("_", " "),
            one.tenant_id,
            one.period,
            one.status,
            one.total,
            one.due,
            when(one.issued_at, now),
        )
        for one in page.documents
    ]
    columns = ("NUMBER", "KIND", "TENANT", "PERIOD", "STATUS", "TOTAL", "DUE", "ISSUED")
    show_table(columns, rows, nothing="No such document was issued.")
    if page.after and is_for_a_person():
        say(f"there are more: --after {page.after}")
    return None


@app.command()
def show(context: typer.Context, document: Document, as_json: Json = False) -> None:
    """One document: lines, totals, what it leads to.

    \b
    runbooks invoice show INV-2026-000042
    """
    found = session_of(context).books.documents.show(document)
    if as_json:
        return show_json(found)
    return show_credit_note(found) if isinstance(found, ShownCreditNote) else show_invoice(found)


@app.command()
def explain(
    context: typer.Context,
    document: Document,
    rows: Annotated[
        int, typer.Option("--rows", min=0, max=EVENTS_MAX, help="So many raw events behind each line of usage.")
    ] = 0,
    as_json: Json = False,
) -> None:
    """How each line came to be, in words and numbers, down to the days of usage it was rated from.

    \b
    runbooks invoice explain INV-2026-000042
    runbooks invoice explain INV-2026-000042 --rows 20
    """
    told = session_of(context).books.documents.explain(document, rows=rows)
    return show_json(told) if as_json else show_explanation(told)


@app.command()
def pdf(
    context: typer.Context,
    document: Document,
    out: Annotated[
        Path | None, typer.Option("--out", help="Where to; `-` is standard output. Default: NUMBER.pdf, here.")
    ] = None,
    force: Force = False,
) -> None:
    """The document as PDF, as it was issued.

    \b
    runbooks invoice pdf INV-2026-000042
    runbooks invoice pdf CN-2026-000001 --out credit-note.pdf --force
    """
    books = session_of(context).books
    number = books.documents.show(document).number
    target = out or Path(file_name(number))
    with new_file(target, force=force) as file:
        _, sha256, content = books.press.pdf(number)
        file.write(content)
        file.seal("application/pdf", 1)
    if target != STANDARD_OUTPUT:
        say(f"{target}: {counted(len(content), 'byte')}, SHA-256 {sha256}")


@app.command()
def export(
    context: typer.Context,
    period: Annotated[
        str, typer.Option("--period", "-p", parser=known_month, metavar="YYYY-MM", help="The month to export.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Where to; `-` is standard output, for CSV and JSON.")],
    form: Annotated[
        ExportFormat | None, typer.Option("--format", help="When the suffix of --out does not say it.")
    ] = None,
    lines: Annotated[bool, typer.Option("--lines", help="A row a line instead of a row a document.")] = False,
    force: Force = False,
) -> None:
    """A month's documents, or their lines, as a file; amounts in major units and, exactly, in minor ones.

    \b
    runbooks invoice export --period 2026-10 --out october.parquet
    runbooks invoice export --period 2026-10 --lines --format csv --out - | head
    """
    view, written_as = session_of(context).books.documents, form or _by_suffix(out)
    if out == STANDARD_OUTPUT and written_as is ExportFormat.PARQUET:
        raise BadInputError("--out -: Parquet needs a file: name one, or take --format csv or json")
    with new_file(out, force=force) as file, exporting(period, view.count(period)) as progress:
        exported = view.export(period, written_as, file, progress, lines=lines)
    if out != STANDARD_OUTPUT:
        say(f"{out}: {counted(exported.rows, 'row')}, {exported.size_bytes:,} bytes, SHA-256 {exported.sha256}")


def _by_suffix(out: Path) -> ExportFormat:
    try:
        return ExportFormat(out.suffix.removeprefix(".").lower())
    except ValueError:
        known = ", ".join(ExportFormat)
        raise BadInputError(f"--out {out}: its suffix names no format, choose with --format one of {known}") from None
