"""`runbooks dispute ...`: opening a dispute and everything people say to one."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from billing.cases import (
    CustomerReply,
    DeEscalation,
    Judgement,
    Opening,
    Question,
    Reopening,
    SentReply,
    TryAgain,
    Withdrawal,
)
from billing.disputes import Category, Resolution, Ticket
from billing.failures import BillingFailure, FailureCode
from billing.money import Money
from starters import disputes
from starters.cli.mistakes import BadInputError
from starters.cli.options import As, Case, Json, Reason, Token, session_of
from starters.cli.session import Session, case_named
from starters.cli.terminal import say, show_json
from starters.cli.tickets import OPTIONS, ticket_from_file, ticket_from_options
from starters.intake import is_registered, problems
from starters.permissions import Deed

app = typer.Typer(help="Open a dispute and speak to it.", no_args_is_help=True)


@app.command("open")
def open_(
    context: typer.Context,
    ticket: Annotated[str | None, typer.Option("--ticket", help="The ticket's id, such as T-1042.")] = None,
    tenant: Annotated[str | None, typer.Option("--tenant", help="The customer's tenant id.")] = None,
    period: Annotated[str | None, typer.Option("--period", help="The disputed month, yyyy-mm.")] = None,
    meter: Annotated[
        list[str] | None, typer.Option("--meter", metavar="<str>", help="A disputed meter; repeat it for several.")
    ] = None,
    category: Annotated[Category | None, typer.Option("--category", help="What is contested.")] = None,
    claimed: Annotated[str | None, typer.Option("--claimed", help="What the customer says is right.")] = None,
    billed: Annotated[str | None, typer.Option("--billed", help="What was billed.")] = None,
    currency: Annotated[str | None, typer.Option("--currency", help="Default: the customer's currency.")] = None,
    email: Annotated[str | None, typer.Option("--email", help="Who asked. Default: the billing address.")] = None,
    name: Annotated[str, typer.Option("--name", help="The name of who asked.")] = "",
    subject: Annotated[str, typer.Option("--subject", help="The ticket's subject.")] = "",
    description: Annotated[str, typer.Option("--description", help="The ticket's text.")] = "",
    security: Annotated[bool, typer.Option("--security-concern", help="A breach is suspected.")] = False,
    legal: Annotated[bool, typer.Option("--legal-threat", help="Legal action is threatened.")] = False,
    executive: Annotated[bool, typer.Option("--executive-escalation", help="Management was asked for.")] = False,
    file: Annotated[Path | None, typer.Option("--from-file", help="A ticket as JSON; - reads it from a pipe.")] = None,
    as_json: Json = False,
) -> None:
    """Open a dispute, from options or from a ticket as JSON. The same ticket again is the same case.

    \b
    runbooks dispute open --ticket T-1042 --tenant acme --period 2026-10 --meter api_calls \\
        --category usage_calculation --claimed 100.00 --billed 148.20
    runbooks dispute open --from-file ticket.json
    cat ticket.json | runbooks dispute open --from-file -
    """
    session = session_of(context)
    given = {
        "ticket_id": ticket,
        "tenant_id": tenant,
        "period": period,
        "meters": meter or None,
        "category": category,
        "claimed_amount": claimed,
        "billed_amount": billed,
        "currency": currency,
        "email": email,
    }
    said = {"name": name, "subject": subject, "description": description}
    flags = {"security_concern": security, "legal_threat": legal, "executive_escalation": executive}
    whole = ticket_from_file(file, given) if file else ticket_from_options(given, said, flags, session)
    opened = _open(session, whole, {} if file else OPTIONS)
    if as_json:
        show_json(opened)
    else:
        say(f"{opened.case_id} {'is open' if opened.created else 'was there already: the same ticket, the same case'}")
        say(f"follow it: runbooks case show {opened.case_id} --watch")


@app.command()
def reply(
    context: typer.Context,
    case: Case,
    text: Annotated[str, typer.Option("--text", "-t", help="What the customer answered.")],
    reply_id: Annotated[str | None, typer.Option("--reply-id", help="The same id counts once.")] = None,
) -> None:
    """Hand over what the customer answered.

    The SLA clocks run again if they stood still for it.

    \b
    runbooks dispute reply T-1042 --text "The key was ours, but the calls at night were not."
    """
    kind = SentReply if reply_id else CustomerReply
    answer = kind(reply_id=reply_id or f"cli-{uuid.uuid4()}", text=text, received_at=datetime.now(UTC))
    named = case_named(case)
    session_of(context).ask(lambda client: disputes.reply(client, named, answer))
    say(f"{named} has the answer")


@app.command("ask-customer")
def ask_customer(
    context: typer.Context,
    case: Case,
    text: Annotated[str, typer.Option("--text", "-t", help="The question, as the customer will read it.")],
    token: Token = None,
    name: As = None,
) -> None:
    """Ask the customer something.

    The SLA clocks stand still until the answer.

    \b
    runbooks dispute ask-customer T-1042 --text "Which of your keys ran on 14 October?" --as agent-1
    """
    session = session_of(context)
    question = Question(by=session.signer(token, name, Deed.CONVERSE).operator_id, text=text)
    say(session.ask(lambda client: disputes.ask_customer(client, case_named(case), question)))


@app.command()
def withdraw(context: typer.Context, case: Case, reason: Reason = "", token: Token = None, name: As = None) -> None:
    """End a case because the customer no longer contests the bill.

    \b
    runbooks dispute withdraw T-1042 --reason "They found the job that made the calls." --as agent-1
    """
    session = session_of(context)
    wish = Withdrawal(by=session.signer(token, name, Deed.CONVERSE).operator_id, reason=reason)
    say(session.ask(lambda client: disputes.withdraw(client, case_named(case), wish)))


@app.command()
def judge(
    context: typer.Context,
    case: Case,
    resolution: Annotated[Resolution, typer.Option("--resolution", help="Who is right.")],
    reason: Reason,
    amount: Annotated[str, typer.Option("--amount", help="What to give back, such as 12.30.")] = "0",
    goodwill: Annotated[bool, typer.Option("--goodwill", help="A gesture, although the bill is right.")] = False,
    token: Token = None,
    name: As = None,
) -> None:
    """Resolve a case by your own judgement.

    It takes the place of the computed proposal; another person approves the money.

    \b
    runbooks dispute judge T-1042 --as lead-1 \\
        --resolution partial --amount 12.30 --reason "Half of the calls were theirs."
    runbooks dispute judge T-1042 --as lead-1 \\
        --resolution billing_correct --goodwill --amount 10 --reason "First month."
    """
    session, named = session_of(context), case_named(case)
    by = session.signer(token, name, Deed.JUDGE).operator_id
    currency = session.ask(lambda client: disputes.story(client, named)).disputed.currency
    try:
        money = Money.of(amount, currency)
    except ValueError as error:
        raise BadInputError(f"--amount {amount}: {error}") from None
    judgement = Judgement(by=by, resolution=resolution, amount=money, reason=reason, goodwill=goodwill)
    say(session.ask(lambda client: disputes.judge(client, named, judgement)))


@app.command("de-escalate")
def de_escalate(context: typer.Context, case: Case, reason: Reason, token: Token = None, name: As = None) -> None:
    """Take an escalation back.

    The case goes the ordinary way again.

    \b
    runbooks dispute de-escalate T-1042 --reason "The key was shared on purpose." --as lead-1
    """
    session = session_of(context)
    wish = DeEscalation(by=session.signer(token, name, Deed.DE_ESCALATE).operator_id, reason=reason)
    say(session.ask(lambda client: disputes.de_escalate(client, case_named(case), wish)))


@app.command("try-again")
def try_again(context: typer.Context, case: Case, reason: Reason, token: Token = None, name: As = None) -> None:
    """Let a step try again that was handed over to people.

    Repair its cause first.

    \b
    runbooks dispute try-again T-1042 --reason "The contract is on record now." --as lead-1
    """
    session = session_of(context)
    wish = TryAgain(by=session.signer(token, name, Deed.REPAIR).operator_id, reason=reason)
    say(session.ask(lambda client: disputes.try_again(client, case_named(case), wish)))


@app.command()
def reopen(context: typer.Context, case: Case, reason: Reason, token: Token = None, name: As = None) -> None:
    """Look at a closed case again.

    Its clocks go on from what they had consumed.

    \b
    runbooks dispute reopen T-1042 --reason "The customer sent new logs." --as agent-1
    """
    session, named = session_of(context), case_named(case)
    by = session.signer(token, name, Deed.CONVERSE).operator_id
    row = session.books.cases.find(named)
    if row is None:
        raise BillingFailure(FailureCode.NOT_FOUND, f"there is no case {named}: see `runbooks case list --all`")
    opening = Opening(ticket=row.ticket, reopening=Reopening(by=by, reason=reason, opened_at=datetime.now(UTC)))
    queue = session.settings.task_queue
    session.ask(lambda client: disputes.open_dispute(client, opening, task_queue=queue))
    say(f"{named} is open again")


def _open(session: Session, ticket: Ticket, options: Mapping[str, str]) -> disputes.CaseHandle:
    """`options` are what the ticket's fields were typed as, none when they came from a file."""
    named = case_named(ticket.ticket_id)
    if is_registered(ticket, session.books):
        return disputes.CaseHandle(case_id=named, created=False)
    if found := problems(ticket, session.books, datetime.now(UTC)):
        fields = (problem.partition(":") for problem in found)
        raise BadInputError("\n".join(f"{options.get(name, name)}:{sentence}" for name, _, sentence in fields))
    queue = session.settings.task_queue
    return session.ask(lambda client: disputes.open_dispute(client, Opening(ticket=ticket), task_queue=queue))
