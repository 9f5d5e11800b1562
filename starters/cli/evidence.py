"""`runbooks evidence ...`: what a case rests on."""

from datetime import UTC, datetime
from pathlib import Path

import typer

from adapters.postgres.case_evidence import CollectedEvidence
from billing.failures import BillingFailure, FailureCode
from starters.cli.options import Case, Json, session_of
from starters.cli.session import case_named
from starters.cli.terminal import brief, say, show_fields, show_heading, show_json, show_table, when

app = typer.Typer(help="The evidence of a case.", no_args_is_help=True)


@app.command()
def show(context: typer.Context, case: Case, as_json: Json = False) -> None:
    """The exported files with their hashes, and what was found in them.

    \b
    runbooks evidence show T-1042
    runbooks evidence show T-1042 --json | jq -r '.[].files[] | "\\(.sha256)  \\(.name)"' | sha256sum --check
    """
    session, named = session_of(context), case_named(case)
    rounds = session.books.evidence.rounds(named)
    if as_json:
        return show_json([one.model_dump(mode="json") for one in rounds])
    if not rounds:
        known = session.books.cases.find(named) is not None
        why = f"no evidence was collected for {named} yet" if known else f"there is no case {named}"
        raise BillingFailure(FailureCode.NOT_FOUND, why)
    for one in rounds:
        if one is not rounds[0]:
            say("")
        _show(one, session.settings.evidence / one.evidence_id)
    return None


def _show(evidence: CollectedEvidence, folder: Path) -> None:
    show_fields(
        [
            ("evidence", evidence.evidence_id),
            ("round", evidence.round),
            ("collected", when(evidence.collected_at, datetime.now(UTC))),
            ("events", f"{evidence.events:,}"),
            ("facts SHA-256", evidence.facts_sha256),
            ("folder", folder),
        ]
    )
    show_heading("files")
    files = [(file.name, f"{file.rows:,}", f"{file.size_bytes:,}", file.sha256) for file in evidence.files]
    show_table(("FILE", "ROWS", "BYTES", "SHA-256"), files, nothing="")
    if evidence.assessment:
        show_heading("findings")
        rows = [
            (one.kind.replace("_", " "), one.meter, one.amount, "yes" if one.conclusive else "no", brief(one.statement))
            for one in evidence.assessment.findings
        ]
        nothing = "Nothing is wrong with the bill."
        show_table(("FINDING", "METER", "AMOUNT", "CONCLUSIVE", "WHAT"), rows, nothing=nothing)
