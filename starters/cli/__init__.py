"""The `runbooks` command: everything a person does with the runbooks from a terminal."""

from pathlib import Path
from typing import Annotated

import typer

from starters.cli import (
    access,
    approvals,
    cases,
    contracts,
    corrections,
    customers,
    database,
    decisions,
    delinquency,
    disputes,
    events,
    evidence,
    holds,
    invoices,
    mail,
    month_end,
    operators,
    payments,
    portal,
    reconciliation,
    retention,
    sandbox,
    schedules,
    usage,
)
from starters.cli.line_options import InOrder
from starters.cli.mistakes import Commands
from starters.cli.session import Session

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(disputes.app, name="dispute")
app.add_typer(cases.app, name="case")
app.add_typer(month_end.app, name="month-end")
app.command()(reconciliation.reconcile)
app.add_typer(reconciliation.app, name="reconciliation")
app.add_typer(retention.app, name="retention")
app.add_typer(invoices.app, name="invoice")
invoices.app.command(cls=InOrder)(corrections.correct)
invoices.app.command()(corrections.refund)
invoices.app.command()(corrections.void)
invoices.app.command("write-off")(corrections.write_off)
invoices.app.add_typer(corrections.app, name="correction")
app.add_typer(delinquency.app, name="delinquency")
app.add_typer(customers.app, name="customer")
app.add_typer(contracts.app, name="contract")
app.add_typer(holds.app, name="holds")
app.add_typer(access.app, name="access")
app.add_typer(payments.app, name="payments")
app.add_typer(schedules.app, name="schedules")
app.add_typer(events.app, name="events")
app.add_typer(usage.app, name="usage")
app.add_typer(approvals.app, name="approvals")
app.command()(approvals.approve)
app.command()(approvals.reject)
app.add_typer(decisions.app, name="decisions")
app.add_typer(mail.app, name="mail")
app.add_typer(evidence.app, name="evidence")
app.add_typer(operators.app, name="operators")
app.add_typer(portal.app, name="portal")
app.add_typer(database.app, name="db")
app.command()(sandbox.up)
app.command()(sandbox.demo)


@app.callback()
def runbooks(
    context: typer.Context,
    data: Annotated[Path | None, typer.Option("--data", help="The sandbox's directory. Default: .runbooks")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the stack trace of a failure.")] = False,
) -> None:
    """Billing runbooks that run themselves.

    Beside a running `runbooks up` every command finds its way; elsewhere set RUNBOOKS_DATABASE_URL and
    RUNBOOKS_TEMPORAL_ADDRESS. Who decides says who they are: --as lead-1 in the sandbox, else RUNBOOKS_OPERATOR_TOKEN.

    \b
    runbooks up                            start everything on this machine
    runbooks case list                     what is open, what needs a person
    runbooks case show T-1042 --watch      follow one case
    runbooks approvals list                what waits for a decision
    runbooks approve APPROVAL --as lead-1  decide it
    runbooks invoice explain NUMBER        how each line of an invoice came to be

    Exit codes: 0 done, 2 something you typed or set is wrong, 1 anything else.
    """
    session = context.obj = Session(data)
    context.call_on_close(session.close)


def main() -> None:
    """Run the command that was typed."""
    app()
