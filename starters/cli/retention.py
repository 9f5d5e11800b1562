"""`runbooks retention ...`: plan what may be deleted for good, look at it, confirm it, and fetch the certificate (P9)."""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from billing.failures import BillingFailure, FailureCode
from billing.month_end import Instruction
from billing.retention import WORD, Confirmation, PlanOnRecord, PurgeStory, objection_to
from starters import retention
from starters.cli.mistakes import BadInputError, field_by_field
from starters.cli.new_files import STANDARD_OUTPUT, new_file
from starters.cli.options import As, Json, Reason, Token, session_of
from starters.cli.retention_view import show_plan, show_plans
from starters.cli.session import Session
from starters.cli.terminal import say, show_json
from starters.permissions import Deed

app = typer.Typer(
    help="What may be deleted for good: plan, confirm, certificate. Approving a confirmed plan runs it.",
    no_args_is_help=True,
)

_LOOK_EVERY_SECONDS, _LOOKS = 0.3, 200
_SHOWN = 60

Name = Annotated[str, typer.Argument(metavar="PLAN", help="As `runbooks retention list` names it, such as 2026-11-23.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="At most so many lines.")]


@app.command()
def plan(context: typer.Context, token: Token = None, name: As = None, as_json: Json = False) -> None:
    """Make a plan of what is past its time, beside the weekly one. A dry run: nothing is deleted.

    \b
    runbooks retention plan --as finance-1
    """
    session = session_of(context)
    order = retention.order_of(session.signer(token, name, Deed.PLAN_PURGE).operator_id, datetime.now(UTC))
    session.ask(lambda client: retention.start(client, order, task_queue=session.settings.task_queue))
    planned = _made(session, order.plan_id)
    if as_json:
        return show_json(planned)
    return show_plan(planned, _story(session, order.plan_id), limit=_SHOWN)


@app.command("list")
def list_(context: typer.Context, limit: Limit = 20, as_json: Json = False) -> None:
    """Plans and how they ended, the newest first.

    \b
    runbooks retention list
    """
    plans = session_of(context).books.retention.newest(limit)
    return show_json(plans) if as_json else show_plans(plans)


@app.command()
def show(context: typer.Context, plan_id: Name, limit: Limit = _SHOWN, as_json: Json = False) -> None:
    """One plan: rows by customer and table, its hash, what stays and why, and what to type next.

    \b
    runbooks retention show 2026-11-23
    """
    session = session_of(context)
    planned = session.books.retention.get(plan_id)
    if as_json:
        return show_json(planned)
    return show_plan(planned, _story(session, plan_id), limit=limit)


@app.command()
def confirm(
    context: typer.Context,
    plan_id: Name,
    plan_sha256: Annotated[str, typer.Argument(metavar="HASH", help="The hash of the plan that you looked at.")],
    word: Annotated[str | None, typer.Argument(metavar=WORD, help="The word itself. Asked for when left out.")] = None,
    token: Token = None,
    name: As = None,
) -> None:
    """Confirm the plan of this hash by typing CONFIRM; another person is then asked to approve it.

    \b
    runbooks retention confirm 2026-11-23 HASH CONFIRM --as finance-1
    """
    session = session_of(context)
    by = session.signer(token, name, Deed.CONFIRM_PURGE).operator_id
    planned = session.books.retention.get(plan_id)
    try:
        confirmation = Confirmation(by=by, plan_sha256=plan_sha256, word=_typed(planned) if word is None else word)
    except ValidationError as error:
        raise field_by_field(error, {"plan_sha256": "HASH", "word": WORD}) from None
    if why := objection_to(confirmation, planned.sha256):
        raise BadInputError(why)
    say(session.ask(lambda client: retention.confirm(client, plan_id, confirmation)))


@app.command("try-again")
def try_again(context: typer.Context, plan_id: Name, reason: Reason, token: Token = None, name: As = None) -> None:
    """The cause is repaired: let a purge go on that was handed over.

    \b
    runbooks retention try-again 2026-11-23 --reason "The disk is writable again." --as engineering-1
    """
    session = session_of(context)
    order = Instruction(by=session.signer(token, name, Deed.REPAIR).operator_id, reason=reason)
    say(session.ask(lambda client: retention.try_again(client, plan_id, order)))


@app.command()
def certificate(
    context: typer.Context,
    plan_id: Name,
    out: Annotated[Path, typer.Option("--out", help="Where to; `-` is standard output.")],
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """The certificate of a deletion as PDF.

    \b
    runbooks retention certificate 2026-11-23 --out certificate.pdf
    """
    books = session_of(context).books
    with new_file(out, force=force) as file:
        file.write(books.retention.document(plan_id))
        file.seal("application/pdf", 1)
    if out != STANDARD_OUTPUT:
        say(f"{out}: SHA-256 {books.retention.get(plan_id).certificate_sha256}")


def _typed(planned: PlanOnRecord) -> str:
    """The word, asked of a person who sees what it means."""
    if not sys.stdin.isatty():
        raise BadInputError(f"type {WORD} behind the hash: what is deleted does not come back")
    say(f"{planned.plan.in_words()} would be deleted or redacted for good.")
    typed: str = typer.prompt(f"Type {WORD} to have it approved")
    return typed


def _made(session: Session, plan_id: str) -> PlanOnRecord:
    """The plan once it is counted; large ones take a while."""
    for _ in range(_LOOKS):
        if planned := session.books.retention.find(plan_id):
            return planned
        time.sleep(_LOOK_EVERY_SECONDS)
    raise BillingFailure(
        FailureCode.UNAVAILABLE, f"{plan_id} is still being counted: `runbooks retention show {plan_id}` shows it later"
    )


def _story(session: Session, plan_id: str) -> PurgeStory | None:
    """What the purge tells, where Temporal can be asked; a plan can be read without it."""
    try:
        return session.ask(lambda client: retention.story(client, plan_id))
    except BillingFailure as failure:
        if failure.code is not FailureCode.UNAVAILABLE:
            raise
        return None
