"""`runbooks evidence ...`: what a case rests on."""

import typer

from adapters.postgres.case_evidence import CollectedEvidence
from billing.failures import BillingFailure, FailureCode
from starters.cli.options import Case, Json, session_of
from starters.cli.session import case_named
from starters.cli.terminal import brief, show_fields, show_heading, show_json, show_table

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
        raise BillingFailure(FailureCode.NOT_FOUND, f"no evidence was collected for {named} yet")
    for one in rounds:
        _show(one)
    return show_fields([("folder", session.settings.evidence / rounds[-1].evidence_id)])


def _show(evidence: CollectedEvidence) -> None:
    show_fields(
        [
            ("evidence", evidence.evidence_id),
            ("round", evidence.round),
            ("collected", f"{evidence.collected_at.astimezone():%a %d %b %Y %H:%M:%S}"),
            ("events", f"{evidence.events:,}"),
            ("facts SHA-256", evidence.facts_sha256),
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
