"""`runbooks payments ...`: how an invoice is collected, and charging it now."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import uuid4

import typer

from billing.invoices import InvoiceStatus
from billing.payments import AttemptRow, ManualAttempt, Outcome, Receivable
from starters import payments
from starters.cli.options import As, Json, Reason, Token, session_of
from starters.cli.terminal import say, show_json, show_table, when
from starters.payments import PaymentsPage
from starters.permissions import Deed

app = typer.Typer(help="Look at how an invoice is collected, and charge it now.", no_args_is_help=True)

Document = Annotated[str, typer.Argument(metavar="INVOICE", help="The invoice's number or id.")]

# What a person who asked for a charge does not call done.
_NOT_DONE = frozenset({Outcome.DECLINED, Outcome.UNKNOWN, Outcome.HELD})


@app.command()
def show(context: typer.Context, document: Document, as_json: Json = False) -> None:
    """How an invoice stands at the provider, every attempt to collect it, and the next one.

    \b
    runbooks payments show INV-2026-000042
    """
    session = session_of(context)
    page = session.ask(lambda client: payments.page(client, session.books.receivables, document))
    if as_json:
        return show_json(page.model_dump(mode="json"))
    now = datetime.now(UTC)
    for line in _standing(page, now):
        say(line)
    rows = [_row(attempt, now) for attempt in page.attempts]
    return show_table(("ATTEMPT", "WHEN", "BY", "OUTCOME", "WHAT HAPPENED"), rows, nothing="Nothing was tried yet.")


@app.command()
def retry(
    context: typer.Context,
    document: Document,
    reason: Reason,
    key: Annotated[
        str | None,
        typer.Option("--idempotency-key", help="The same key again charges nothing new. Default: a new one."),
    ] = None,
    token: Token = None,
    name: As = None,
    as_json: Json = False,
) -> None:
    """Charge what is due on an invoice now; the schedule stays as it is.

    Exits 1 when it was declined, is held, or when nobody knows yet.

    \b
    runbooks payments retry INV-2026-000042 --reason "They have money on the account now." --as lead-1
    """
    session = session_of(context)
    attempt = ManualAttempt(by=session.signer(token, name, Deed.CHARGE).operator_id, reason=reason)
    result = session.ask(
        lambda client: payments.charge_now(
            client,
            session.books.receivables,
            document,
            attempt,
            key or str(uuid4()),
            task_queue=session.settings.task_queue,
        )
    )
    if as_json:
        show_json(result.model_dump(mode="json"))
    else:
        say(f"{result.outcome.replace('_', ' ')}: {result.words}")
    if result.outcome in _NOT_DONE:
        raise typer.Exit(1)


def _standing(page: PaymentsPage, now: datetime) -> list[str]:
    receivable = page.receivable
    if receivable is None:
        return [f"{page.number} was not read at the provider yet"]
    again = receivable.status is InvoiceStatus.PAID and receivable.remaining
    status = "paid once and owed again" if again else receivable.status
    lines = [f"{page.number}: {status}, {receivable.remaining} of {receivable.due} is due"]
    lines += [f"{label}: {value}" for label, value in _facts(receivable, page, now) if value]
    return lines


def _facts(receivable: Receivable, page: PaymentsPage, now: datetime) -> list[tuple[str, str]]:
    waits = "a bank took the payment back" if receivable.charged_back else "contested" if receivable.disputed else ""
    return [
        ("Overdue since", when(receivable.overdue_since, now) if receivable.overdue_since else ""),
        ("Nothing is charged", waits),
        ("Too small to be charged", "yes" if receivable.too_small else ""),
        ("Collected by", page.collected_by or ""),
        ("Next charge", when(page.next_at, now) if page.next_at else ""),
        ("Next", page.next_step or ""),
        ("Read", when(receivable.read_at, now)),
    ]


def _row(attempt: AttemptRow, now: datetime) -> tuple[str, ...]:
    return (
        f"{attempt.origin.replace('_', ' ')} {attempt.number}",
        when(attempt.began_at, now),
        attempt.requested_by,
        (attempt.outcome or "under way").replace("_", " "),
        attempt.words or attempt.reason,
    )
