"""`runbooks approvals list`, `runbooks approve`, `runbooks reject`: deciding about money."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from billing.cases import DecisionReceipt, PendingApproval, Verdict
from billing.failures import BillingFailure, FailureCode
from starters import decisions
from starters.cli.options import As, Json, Reason, Token, session_of
from starters.cli.session import Session
from starters.cli.terminal import brief, say, show_json, show_table, when
from starters.permissions import Deed

app = typer.Typer(help="What waits for a person's decision.", no_args_is_help=True)

Approval = Annotated[str, typer.Argument(metavar="APPROVAL", help="The approval's id, from `runbooks approvals list`.")]


@app.command("list")
def list_(context: typer.Context, as_json: Json = False) -> None:
    """Every open question, the oldest first.

    \b
    runbooks approvals list
    runbooks approvals list --json | jq -r '.[].approval_id'
    """
    pending = session_of(context).books.approvals.pending()
    if as_json:
        return show_json([one.model_dump(mode="json") for one in pending])
    now = datetime.now(UTC)
    rows = [
        (
            one.approval_id,
            one.role,
            one.worth,
            one.tenant_id,
            one.requested_by,
            when(one.expires_at, now),
            brief(one.question),
        )
        for one in pending
    ]
    columns = ("APPROVAL", "ROLE", "AMOUNT", "TENANT", "ASKED BY", "EXPIRES", "QUESTION")
    return show_table(columns, rows, nothing="Nothing waits for a decision.")


def approve(
    context: typer.Context, approval: Approval, reason: Reason = "", token: Token = None, name: As = None
) -> None:
    """Say yes to an open question.

    Your decision is signed and bound to exactly what was asked.

    \b
    runbooks approve dispute/T-1042/credit/r1.1/a1 --as lead-1
    """
    _decide(session_of(context), approval, Verdict.APPROVE, reason, token, name)


def reject(context: typer.Context, approval: Approval, reason: Reason, token: Token = None, name: As = None) -> None:
    """Say no to an open question.

    Say why; the case then waits for a judgement.

    \b
    runbooks reject dispute/T-1042/credit/r1.1/a1 --reason "The key was theirs." --as lead-1
    """
    _decide(session_of(context), approval, Verdict.REJECT, reason, token, name)


def _decide(
    session: Session, approval: str, verdict: Verdict, reason: str, token: str | None, name: str | None
) -> None:
    signer = session.signer(token, name, Deed.DECIDE)
    question = session.books.approvals.find(approval)
    if question is None:
        raise BillingFailure(
            FailureCode.NOT_FOUND, f"there is no approval {approval}: `runbooks approvals list` shows the open ones"
        )
    now = datetime.now(UTC)
    receipt = session.ask(
        lambda client: decisions.answer(client, question, verdict, reason, token=signer.token, now=now)
    )
    _tell(receipt, question)


def _tell(receipt: DecisionReceipt, question: PendingApproval) -> None:
    if not receipt.accepted:
        raise BillingFailure(FailureCode.NOT_APPROVED, f"this does not count: {receipt.message}")
    about = question.tenant_id or question.case_id
    say(f"{receipt.message}: {f'{question.worth} for {about}' if question.worth else about}")
