"""`runbooks invoice correct`, `refund`, `void`, `write-off`, and `runbooks invoice correction ...`: setting issued invoices
right, once another person has approved it."""

import asyncio
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated
from uuid import uuid4

import typer
from pydantic import ValidationError

from billing.disputes import Category
from billing.failures import BillingFailure
from billing.invoice_corrections import Deed
from billing.month_end import Instruction
from starters import corrections
from starters.cli.corrections_view import ended_well, follow, show_correction, show_list
from starters.cli.line_options import lines_and_amount
from starters.cli.mistakes import field_by_field
from starters.cli.options import As, Json, Reason, Token, session_of
from starters.cli.session import Session
from starters.cli.terminal import say, show_json
from starters.permissions import Deed as Permitted

app = typer.Typer(help="Look at corrections of invoices, and speak to them.", no_args_is_help=True)


class To(StrEnum):
    """Where money that is given back goes."""

    REFUND = "refund"
    BALANCE = "balance"
    NEXT_INVOICE = "next-invoice"


Document = Annotated[str, typer.Argument(metavar="INVOICE", help="The invoice's number or id.")]
Case = Annotated[
    str, typer.Argument(metavar="CORRECTION", help="From the list, such as correction/INV-2026-000042/k-1f3a5c7e.")
]
Key = Annotated[
    str | None, typer.Option("--idempotency-key", help="The same key again shows the same one. Default: a new one.")
]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Follow it to its end, through the approval.")]
Amount = Annotated[str, typer.Option("--amount", help="What to give back, such as 25.00.")]

# What the fields of an order are typed as.
_TYPED_AS = {"invoice": "INVOICE", "lines": "--line", "payback": "--to", "reason": "--reason", "amount": "--amount"}


def correct(
    context: typer.Context,
    document: Document,
    reason: Reason,
    line: Annotated[
        list[int] | None,
        typer.Option("--line", min=1, metavar="<int>", help="A wrong line; what is correct follows it. Repeat it."),
    ] = None,
    quantity: Annotated[
        list[str] | None,
        typer.Option("--quantity", metavar="<str>", help="The line's correct quantity; it is rated again."),
    ] = None,
    amount: Annotated[
        list[str] | None,
        typer.Option(
            "--amount", metavar="<str>", help="Behind a line its correct amount; without lines what to give back."
        ),
    ] = None,
    to: Annotated[
        To | None, typer.Option("--to", help="Where what was paid goes. Default: as the policy says.")
    ] = None,
    category: Annotated[Category | None, typer.Option("--category", help="What was wrong, for the statistics.")] = None,
    key: Key = None,
    wait: Wait = False,
    token: Token = None,
    name: As = None,
    as_json: Json = False,
) -> None:
    """Give back what an issued invoice bills too much, by a credit note and a corrected invoice.

    Shows what would happen; it happens once another person approves it. A small amount goes to the next invoice.

    \b
    runbooks invoice correct INV-2026-000042 --line 3 --quantity 1200 \\
        --reason "The meter counted twice on 3 October." --as finance-1
    runbooks invoice correct INV-2026-000042 --line 1 --amount 90.00 --line 3 --quantity 1200 \\
        --reason "Wrong price and wrong count." --to refund --as finance-1
    runbooks invoice correct INV-2026-000042 --amount 25.00 --reason "Agreed by telephone." --as lead-1
    """
    fixes, whole = lines_and_amount(context, line or (), quantity or (), amount or ())
    session = session_of(context)
    _order(
        session,
        document,
        Deed.CREDIT,
        reason,
        fixes=tuple(fixes),
        amount=whole,
        payback=to.value.replace("-", "_") if to else None,
        category=category.value if category else None,
        signed=(token, name),
        key=key,
        wait=wait,
        as_json=as_json,
    )


def refund(
    context: typer.Context,
    document: Document,
    amount: Amount,
    reason: Reason,
    key: Key = None,
    wait: Wait = False,
    token: Token = None,
    name: As = None,
    as_json: Json = False,
) -> None:
    """Give paid money back to the payment method, by a credit note.

    What is still open of the invoice is lowered first; only what was paid can be refunded.

    \b
    runbooks invoice refund INV-2026-000042 --amount 25.00 --reason "Paid twice." --as finance-1
    """
    _order(
        session_of(context),
        document,
        Deed.CREDIT,
        reason,
        amount=amount,
        payback=To.REFUND.value,
        signed=(token, name),
        key=key,
        wait=wait,
        as_json=as_json,
    )


def void(
    context: typer.Context,
    document: Document,
    reason: Reason,
    key: Key = None,
    wait: Wait = False,
    token: Token = None,
    name: As = None,
    as_json: Json = False,
) -> None:
    """Declare an invoice void that nobody has paid; its period can then be billed again.

    \b
    runbooks invoice void INV-2026-000042 --reason "Billed to the wrong company." --as finance-1
    """
    signed = (token, name)
    _order(session_of(context), document, Deed.VOID, reason, signed=signed, key=key, wait=wait, as_json=as_json)


def write_off(
    context: typer.Context,
    document: Document,
    reason: Reason,
    key: Key = None,
    wait: Wait = False,
    token: Token = None,
    name: As = None,
    as_json: Json = False,
) -> None:
    """Give up what is still due of an invoice; the document stays as it is.

    \b
    runbooks invoice write-off INV-2026-000042 --reason "The company is insolvent." --as finance-1
    """
    signed = (token, name)
    _order(session_of(context), document, Deed.WRITE_OFF, reason, signed=signed, key=key, wait=wait, as_json=as_json)


@app.command("list")
def list_(
    context: typer.Context,
    open_only: Annotated[bool, typer.Option("--open", help="Only those that are under way.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000, help="At most so many.")] = 20,
    as_json: Json = False,
) -> None:
    """Corrections on record, the newest first.

    \b
    runbooks invoice correction list --open
    """
    rows = session_of(context).books.corrections.latest(limit, only_open=open_only)
    return show_json(rows) if as_json else show_list(rows, datetime.now(UTC))


@app.command()
def show(
    context: typer.Context,
    case: Case,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Follow it until it is closed.")] = False,
    as_json: Json = False,
) -> None:
    """One correction: stage, before and after, open question, timeline.

    \b
    runbooks invoice correction show correction/INV-2026-000042/k-1f3a5c7e
    """
    session, named = session_of(context), corrections.case_named(case)
    if watch:
        story = asyncio.run(follow(session, named, tell=not as_json))
    else:
        story = session.ask(lambda client: corrections.story(client, session.books.corrections, named))
    return show_json(story) if as_json else show_correction(story, timeline=not watch)


@app.command()
def withdraw(context: typer.Context, case: Case, reason: Reason, token: Token = None, name: As = None) -> None:
    """Give a correction up, as long as it is not carried out.

    \b
    runbooks invoice correction withdraw correction/INV-2026-000042/k-1f3a5c7e \\
        --reason "The customer found the payment." --as finance-1
    """
    session, order = _instruction(context, reason, token, name)
    say(session.ask(lambda client: corrections.withdraw(client, corrections.case_named(case), order)))


@app.command("try-again")
def try_again(context: typer.Context, case: Case, reason: Reason, token: Token = None, name: As = None) -> None:
    """Let a correction go on that was handed over to people.

    Repair its cause first.

    \b
    runbooks invoice correction try-again correction/INV-2026-000042/k-1f3a5c7e \\
        --reason "The card was replaced." --as finance-1
    """
    session, order = _instruction(context, reason, token, name)
    say(session.ask(lambda client: corrections.try_again(client, corrections.case_named(case), order)))


def _instruction(
    context: typer.Context, reason: str, token: str | None, name: str | None
) -> tuple[Session, Instruction]:
    session = session_of(context)
    return session, Instruction(by=session.signer(token, name, Permitted.CORRECT).operator_id, reason=reason)


def _order(
    session: Session,
    document: str,
    deed: Deed,
    reason: str,
    *,
    signed: tuple[str | None, str | None],
    key: str | None,
    wait: bool,
    as_json: bool,
    fixes: tuple[corrections.Fix, ...] = (),
    amount: str | None = None,
    payback: str | None = None,
    category: str | None = None,
) -> None:
    """Order it, and show what would happen and who must approve it; with `wait` follow it to its end.

    Raises once it has ended without being done, so that a program that waited learns of it.
    """
    by, key = session.signer(*signed, Permitted.CORRECT).operator_id, key or uuid4().hex
    invoice, book = corrections.invoice_named(session.books, document), session.books.corrections
    try:
        order = corrections.order_for(
            invoice,
            deed,
            key,
            by=by,
            reason=reason,
            amount=amount,
            fixes=fixes,
            payback=payback,
            category=category,
        )
    except ValidationError as error:
        raise field_by_field(error, _TYPED_AS) from None
    queue, now = session.settings.task_queue, datetime.now(UTC)
    handle = session.ask(lambda client: corrections.start(client, book, order, key, task_queue=queue, now=now))
    try:
        story = asyncio.run(follow(session, handle.case_id, to_its_end=wait, tell=wait and not as_json))
    except BillingFailure as failure:
        look = f"look at it with `runbooks invoice correction show {handle.case_id}`"
        raise BillingFailure(failure.code, f"{handle.case_id} is ordered; {failure.for_us}; {look}") from failure
    if as_json:
        show_json(story)
    else:
        show_correction(story, timeline=False)
    ended_well(story)
