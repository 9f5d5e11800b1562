"""`runbooks reconcile` and `runbooks reconciliation ...`: compare a month with the provider, look, decide on duplicates."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated
from uuid import uuid4

import typer

from activities.reconciliation_ports import ReconciliationRow
from billing.failures import BillingFailure, FailureCode
from billing.periods import known_month
from billing.reconciliation_report import ListedDifference, ReconciliationReport
from billing.reconciling import DuplicatesDecision, ReconciliationStory
from starters import reconciliation
from starters.cli.options import As, Json, Reason, Token, session_of
from starters.cli.session import Session
from starters.cli.terminal import brief, say, show_fields, show_heading, show_json, show_line, show_table, when
from starters.connect import connected
from starters.permissions import Deed

app = typer.Typer(help="Look at reconciliations, and decide about duplicates.", no_args_is_help=True)

_LOOK_EVERY_SECONDS = 0.5
_SHOWN = 50

Period = Annotated[
    str, typer.Option("--period", "-p", parser=known_month, metavar="YYYY-MM", help="The month to compare.")
]
Name = Annotated[str, typer.Argument(metavar="RECONCILIATION", help="Its name, such as 2026-10/2026-11-21.")]


def reconcile(
    context: typer.Context,
    period: Period,
    key: Annotated[
        str | None, typer.Option("--idempotency-key", help="The same key again shows the same one. Default: a new one.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the outcome and show it.")] = True,
    token: Token = None,
    name: As = None,
    as_json: Json = False,
) -> None:
    """Compare a month's documents with the payment provider's invoices.

    Exit code 1 when something differs beyond tolerance.

    \b
    runbooks reconcile --period 2026-10 --as finance-1
    """
    session = session_of(context)
    by = session.signer(token, name, Deed.RECONCILE).operator_id
    settings, now = session.settings, datetime.now(UTC)
    handle = session.ask(
        lambda client: reconciliation.start(
            client,
            session.books.reconciliations,
            period,
            key or uuid4().hex,
            by=by,
            task_queue=settings.task_queue,
            zone=settings.zone,
            now=now,
        )
    )
    if not wait:
        return show_json(handle) if as_json else say(f"{handle.reconciliation_id} is under way")
    row = asyncio.run(_outcome(session, handle.reconciliation_id, quiet=as_json))
    if as_json:
        show_json(row)
    else:
        _show(session, handle.reconciliation_id)
    if row.report is None or row.report.beyond:
        raise typer.Exit(1)
    return None


@app.command("list")
def list_(
    context: typer.Context,
    period: Annotated[str | None, typer.Option("--period", "-p", parser=known_month, help="Only one month's.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000, help="At most so many.")] = 20,
    as_json: Json = False,
) -> None:
    """Reconciliations on record, the newest first.

    \b
    runbooks reconciliation list --period 2026-10
    """
    session = session_of(context)
    rows = session.books.reconciliations.newest(period, limit)
    if as_json:
        return show_json(rows)
    now = datetime.now(UTC)
    lines = [
        (
            row.order.reconciliation_id,
            when(row.started_at, now),
            row.order.requested_by,
            row.report.beyond if row.report else None,
            row.report.within if row.report else None,
            row.report.in_words() if row.report else ("not finished" if row.ended_at else "under way"),
        )
        for row in rows
    ]
    columns = ("RECONCILIATION", "STARTED", "ASKED BY", "BEYOND", "WITHIN", "OUTCOME")
    return show_table(columns, lines, nothing="Nothing was reconciled yet.")


@app.command()
def show(
    context: typer.Context,
    name: Name,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many differences.")] = _SHOWN,
    after: Annotated[int, typer.Option("--after", min=0, help="Skip so many.")] = 0,
    as_json: Json = False,
) -> None:
    """One reconciliation: totals, and every difference with the repair it proposes, the gravest first.

    \b
    runbooks reconciliation show 2026-10/2026-11-21
    """
    session = session_of(context)
    if as_json:
        return show_json(asyncio.run(reconciliation.page(session.books.reconciliations, name, after, limit)))
    return _show(session, name, after=after, limit=limit)


@app.command("void-duplicates")
def void_duplicates(
    context: typer.Context, name: Name, reason: Reason, token: Token = None, operator: As = None
) -> None:
    """Have the duplicates voided that a reconciliation found; the first of each is kept.

    \b
    runbooks reconciliation void-duplicates 2026-10/2026-11-21 --reason "Made twice on 3 November." --as finance-1
    """
    session = session_of(context)
    decision = _decision(session, reason, token, operator)
    say(session.ask(lambda client: reconciliation.void_duplicates(client, name, decision)))


@app.command("leave-duplicates")
def leave_duplicates(
    context: typer.Context, name: Name, reason: Reason, token: Token = None, operator: As = None
) -> None:
    """Leave the duplicates as they are.

    \b
    runbooks reconciliation leave-duplicates 2026-10/2026-11-21 --reason "Agreed with the customer." --as finance-1
    """
    session = session_of(context)
    decision = _decision(session, reason, token, operator)
    say(session.ask(lambda client: reconciliation.leave_duplicates(client, name, decision)))


def _decision(session: Session, reason: str, token: str | None, operator: str | None) -> DuplicatesDecision:
    return DuplicatesDecision(by=session.signer(token, operator, Deed.VOID_DUPLICATES).operator_id, reason=reason)


async def _outcome(session: Session, name: str, *, quiet: bool) -> ReconciliationRow:
    """Tell the story as it happens until there is a report, or it ended without one; duplicates may still wait."""
    told = 0
    async with connected(session.settings) as client:
        while True:
            row = (await reconciliation.page(session.books.reconciliations, name, 0, 1)).reconciliation
            told_by_it = await _story(client, name) if row.ended_at is None else None
            for line in told_by_it.timeline[told:] if told_by_it and not quiet else ():
                show_line(line.at, line.text)
            told = len(told_by_it.timeline) if told_by_it else told
            if row.ended_at is not None:
                return row
            if told_by_it and told_by_it.report:
                return row.model_copy(update={"report": told_by_it.report})
            await asyncio.sleep(_LOOK_EVERY_SECONDS)


async def _story(client: object, name: str) -> ReconciliationStory | None:
    try:
        return await reconciliation.story(client, name)  # type: ignore[arg-type]
    except BillingFailure as failure:
        if failure.code not in (FailureCode.NOT_FOUND, FailureCode.UNAVAILABLE):
            raise
        return None


def _show(session: Session, name: str, *, after: int = 0, limit: int = _SHOWN) -> None:
    page = asyncio.run(reconciliation.page(session.books.reconciliations, name, after, limit))
    row, now = page.reconciliation, datetime.now(UTC)
    show_fields(
        [
            ("reconciliation", name),
            ("asked by", row.order.requested_by),
            ("started", when(row.started_at, now)),
            ("ended", when(row.ended_at, now) if row.ended_at else "under way, or waiting for a decision"),
            ("read", f"{row.read:,} invoices at the provider"),
            *([("outcome", row.report.in_words())] if row.report else []),
        ]
    )
    if row.report:
        _show_totals(row.report)
    _show_differences(page.differences)


def _show_totals(report: ReconciliationReport) -> None:
    show_heading("totals")
    rows = [(one.currency, one.documents, one.internal, one.provider, one.apart) for one in report.totals]
    show_table(
        ("CURRENCY", "DOCUMENTS", "IN THE BOOKS", "AT THE PROVIDER", "APART"), rows, nothing="Nothing was billed."
    )


def _show_differences(differences: tuple[ListedDifference, ...]) -> None:
    if not differences:
        return
    show_heading("differences")
    rows = [
        (
            one.invoice_id or one.provider_invoice_id,
            f"{one.difference.value.replace('_', ' ')}{' (tolerated)' if one.within_tolerance else ''}",
            one.tenant_id,
            one.provider_invoice_id if one.invoice_id else None,
            one.internal,
            one.provider,
            brief(f"{one.detail}. {one.repair}"),
        )
        for one in differences
    ]
    columns = ("DOCUMENT", "DIFFERENCE", "TENANT", "AT THE PROVIDER", "OURS", "THEIRS", "WHAT TO DO")
    show_table(columns, rows, nothing="")
