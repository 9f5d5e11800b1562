"""`runbooks invoice ...`: issued documents."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from adapters.postgres.invoice_view import Wanted
from billing.documents import DocumentKind
from billing.invoices import InvoiceStatus
from billing.money import known_currency
from billing.periods import known_month
from starters.cli.options import Json, session_of
from starters.cli.terminal import is_for_a_person, say, show_json, show_table, when

app = typer.Typer(help="Invoices, corrected invoices and credit notes.", no_args_is_help=True)


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
