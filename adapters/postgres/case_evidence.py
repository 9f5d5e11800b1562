"""What was collected and found for a case, as people look it up; collecting it is the evidence room's."""

from __future__ import annotations

from pydantic import AwareDatetime, BaseModel, ConfigDict
from sqlalchemy import Engine, select

from adapters.postgres.engine import transaction
from adapters.postgres.tables import assessments, evidence_packs
from billing.evidence import EvidenceFile
from billing.findings import Assessment


class CollectedEvidence(BaseModel):
    """The evidence of one round: its files with their hashes, and what it showed once it was analysed."""

    model_config = ConfigDict(frozen=True)

    evidence_id: str
    case_id: str
    round: int
    events: int
    files: tuple[EvidenceFile, ...]
    facts_sha256: str
    collected_at: AwareDatetime
    assessment: Assessment | None


class CaseEvidence:
    """Reads of the evidence for people."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def rounds(self, case_id: str) -> list[CollectedEvidence]:
        """Every round's evidence, the first round first; empty when nothing was collected."""
        collected = (
            select(evidence_packs, assessments.c.assessment)
            .join(assessments, assessments.c.evidence_id == evidence_packs.c.evidence_id, isouter=True)
            .where(evidence_packs.c.case_id == case_id)
            .order_by(evidence_packs.c.round)
        )
        with transaction(self._engine) as connection:
            return [CollectedEvidence.model_validate(row._asdict()) for row in connection.execute(collected)]
