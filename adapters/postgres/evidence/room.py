"""The evidence room over Postgres and a folder: collects a case's pack once a round, and keeps what was made of it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine, RowMapping, insert, select

from activities.ports import DisputeScope, Heartbeat
from adapters.postgres.engine import transaction
from adapters.postgres.evidence.assessments import read_assessment, write_assessment
from adapters.postgres.evidence.collection import snapshot, sole_collector
from adapters.postgres.evidence.day_totals import day_totals
from adapters.postgres.evidence.fact_rows import export_fact_rows, open_fact_rows
from adapters.postgres.evidence.folder import folder_of, new_folder
from adapters.postgres.evidence.gathering import gather
from adapters.postgres.evidence.inquiry import Inquiry
from adapters.postgres.evidence.pulse import BEAT_EVERY, Pulse
from adapters.postgres.evidence.usage_files import export_request_logs, export_usage_events, write_rollup
from adapters.postgres.tables import evidence_packs
from billing.corrections import sha256_of
from billing.evidence import EvidenceFile, EvidencePack, UsageFacts
from billing.failures import BillingFailure, FailureCode
from billing.findings import Assessment
from billing.policy.bundle import Policy


class PostgresEvidenceRoom:
    """Satisfies `EvidenceRoom`. Files lie in `directory/<evidence id>/`, which names the case and the round."""

    def __init__(self, engine: Engine, directory: Path, *, beat_every: timedelta = BEAT_EVERY) -> None:
        self._engine = engine
        self._directory = directory
        self._beat_every = beat_every

    def collect(self, scope: DisputeScope, policy: Policy, heartbeat: Heartbeat) -> EvidencePack:
        """Raises UNAVAILABLE while another attempt collects the same round, or when disk or database are away; whatever
        interrupts it leaves no file and no record behind."""
        name = folder_of(scope.case_id, scope.round)
        with sole_collector(self._engine, name):
            if recorded := self._recorded(scope):
                return recorded
            with Pulse(heartbeat, self._beat_every) as pulse, snapshot(self._engine) as connection:
                with new_folder(self._directory, name) as folder:
                    files, facts = _collected(connection, scope, policy, folder, pulse)
                # The folder is in its place before the record says so: a crash in between costs a second export only.
                return _record(connection, scope, name, files, facts)

    def facts(self, evidence_id: str) -> UsageFacts:
        """Raises NOT_FOUND, and CONFLICT when the stored facts are not the ones that were collected."""
        wanted = select(evidence_packs.c.facts, evidence_packs.c.facts_sha256)
        with transaction(self._engine) as connection:
            row = connection.execute(wanted.where(evidence_packs.c.evidence_id == evidence_id)).one_or_none()
        if row is None:
            raise BillingFailure(FailureCode.NOT_FOUND, f"there is no evidence {evidence_id}")
        if sha256_of(row.facts) != row.facts_sha256:
            raise BillingFailure(
                FailureCode.CONFLICT, f"the facts of evidence {evidence_id} were changed after they were collected"
            )
        return UsageFacts.model_validate(row.facts)

    def record_assessment(self, scope: DisputeScope, evidence_id: str, assessment: Assessment) -> str:
        """Raises NOT_FOUND without the evidence, and what `rows_behind` raises when the pack's files are not intact."""
        folder = self._directory / evidence_id
        with transaction(self._engine) as connection:
            known = select(evidence_packs.c.evidence_id).where(evidence_packs.c.evidence_id == evidence_id)
            if connection.execute(known).scalar_one_or_none() is None:
                raise BillingFailure(FailureCode.NOT_FOUND, f"there is no evidence {evidence_id}")
            return write_assessment(connection, scope, evidence_id, folder, assessment)

    def assessment(self, assessment_id: str) -> Assessment:
        with transaction(self._engine) as connection:
            return read_assessment(connection, assessment_id)

    def _recorded(self, scope: DisputeScope) -> EvidencePack | None:
        wanted = select(evidence_packs).where(
            evidence_packs.c.case_id == scope.case_id, evidence_packs.c.round == scope.round
        )
        with transaction(self._engine) as connection:
            row = connection.execute(wanted).mappings().one_or_none()
        return _pack(row) if row else None


def _collected(
    connection: Connection, scope: DisputeScope, policy: Policy, folder: Path, pulse: Pulse
) -> tuple[list[EvidenceFile], UsageFacts]:
    inquiry = Inquiry.about(scope)
    open_fact_rows(connection)
    pulse.note("exporting raw usage events")
    events = export_usage_events(connection, inquiry, folder, pulse)
    pulse.note("exporting the requests behind them")
    requests = export_request_logs(connection, inquiry, folder, pulse)
    pulse.note("making the roll-up anew")
    totals = day_totals(connection, inquiry)
    facts = gather(connection, scope, inquiry, totals, policy, pulse)
    rows = export_fact_rows(connection, folder, pulse)
    return [*events, *requests, write_rollup(totals, folder), *rows], facts


def _record(
    connection: Connection, scope: DisputeScope, name: str, files: list[EvidenceFile], facts: UsageFacts
) -> EvidencePack:
    plain = facts.model_dump(mode="json")
    pack = EvidencePack(evidence_id=name, files=tuple(files), events=files[0].rows, facts_sha256=sha256_of(plain))
    row = {
        "case_id": scope.case_id,
        "round": scope.round,
        "facts": plain,
        **pack.model_dump(mode="json"),
    }
    connection.execute(insert(evidence_packs).values(row))
    return pack


def _pack(row: RowMapping) -> EvidencePack:
    return EvidencePack(
        evidence_id=row["evidence_id"],
        files=tuple(EvidenceFile.model_validate(file) for file in row["files"]),
        events=row["events"],
        facts_sha256=row["facts_sha256"],
    )
