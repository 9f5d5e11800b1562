"""The register of disputes, what each round of a case came to, and what the evidence showed."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.postgres.tables.columns import (
    Json,
    Quantity,
    billing_month,
    currency,
    metadata,
    minor,
    moment,
    one_of,
    sha256,
    words,
)
from billing.cases import Ending
from billing.disputes import Category, Resolution, Severity
from billing.findings import FindingKind

# One row a ticket, as its current round was opened and closed; where an open case stands, Temporal knows. `tenant_id`
# references nothing: a ticket that names an unknown tenant is registered too, and closed as not accepted.
disputes = Table(
    "disputes",
    metadata,
    Column("case_id", Text, primary_key=True),
    words("ticket_id", unique=True),
    words("tenant_id"),
    words("period"),
    words("category"),
    Column("meters", ARRAY(Text), nullable=False),
    Column("invoice_id", ForeignKey("invoices.invoice_id"), index=True),
    minor("disputed_minor"),
    currency(),
    words("severity"),
    Column("ticket", Json, nullable=False),
    Column("round", Integer, nullable=False, server_default=text("1")),
    Column("reopening", Json),
    moment("opened_at"),
    Column("duplicate_of", ForeignKey("disputes.case_id")),
    Column("escalated", Boolean, nullable=False, server_default=text("false")),
    Column("clocks", Json, nullable=False, server_default=text("'[]'")),
    Column("ending", Text),
    Column("resolution", Text),
    minor("credited_minor", nullable=True),
    Column("resolved_by", Text),
    Column("story", Json, nullable=False, server_default=text("'[]'")),
    moment("closed_at", nullable=True),
    # What two people may file at the same moment, only one of them opens.
    Index(
        "uq_disputes_open",
        "tenant_id",
        "period",
        "category",
        "meters",
        unique=True,
        postgresql_where=text("ending is null"),
    ),
    Index("ix_disputes_pattern", "category", "opened_at"),
    one_of("category", Category),
    one_of("severity", Severity),
    one_of("ending", Ending),
    one_of("resolution", Resolution),
    billing_month("period"),
    CheckConstraint("round >= 1", name="round_counts_from_one"),
    CheckConstraint("(ending is null) = (closed_at is null)", name="closed_has_an_ending"),
    CheckConstraint("duplicate_of <> case_id", name="no_duplicate_of_itself"),
    CheckConstraint("cardinality(meters) > 0", name="contests_a_meter"),
)

# Every finished round, kept when the case is re-opened.
dispute_rounds = Table(
    "dispute_rounds",
    metadata,
    Column("case_id", ForeignKey("disputes.case_id"), nullable=False),
    Column("round", Integer, nullable=False),
    moment("opened_at"),
    moment("closed_at", server_default=func.now()),
    words("ending"),
    Column("resolution", Text),
    minor("credited_minor", nullable=True),
    currency(nullable=True),
    words("resolved_by"),
    words("root_cause"),
    Column("clocks", Json, nullable=False),
    Column("story", Json, nullable=False),
    PrimaryKeyConstraint("case_id", "round"),
    one_of("ending", Ending),
    one_of("resolution", Resolution),
)

# What was written back to the support desk, once for each op_key (C7).
ticket_notes = Table(
    "ticket_notes",
    metadata,
    Column("op_key", Text, primary_key=True),
    words("ticket_id", index=True),
    words("text"),
    moment("noted_at", server_default=func.now()),
)

# One collection a round; `facts` is billing.evidence.UsageFacts, `files` a list of billing.evidence.EvidenceFile.
evidence_packs = Table(
    "evidence_packs",
    metadata,
    Column("evidence_id", Text, primary_key=True),
    Column("case_id", ForeignKey("disputes.case_id"), nullable=False),
    Column("round", Integer, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("facts", Json, nullable=False),
    sha256("facts_sha256"),
    Column("files", Json, nullable=False),
    moment("collected_at", server_default=func.now()),
    UniqueConstraint("case_id", "round"),
)

# `assessment` is billing.findings.Assessment as it was made.
assessments = Table(
    "assessments",
    metadata,
    Column("assessment_id", Text, primary_key=True),
    Column("evidence_id", ForeignKey("evidence_packs.evidence_id"), nullable=False, unique=True),
    Column("case_id", ForeignKey("disputes.case_id"), nullable=False),
    Column("round", Integer, nullable=False),
    Column("assessment", Json, nullable=False),
    moment("assessed_at", server_default=func.now()),
    UniqueConstraint("case_id", "round"),
)

# `finding` counts from 1 in the order of the assessment.
findings = Table(
    "findings",
    metadata,
    Column("case_id", Text, nullable=False),
    Column("round", Integer, nullable=False),
    Column("finding", Integer, nullable=False),
    words("tenant_id"),
    words("kind"),
    words("meter"),
    words("statement"),
    Column("conclusive", Boolean, nullable=False),
    Column("systematic", Boolean, nullable=False),
    Column("excess_quantity", Quantity, nullable=False),
    minor("amount_minor", nullable=True),
    currency(nullable=True),
    moment("found_at", server_default=func.now()),
    PrimaryKeyConstraint("case_id", "round", "finding"),
    ForeignKeyConstraint(["case_id", "round"], ["assessments.case_id", "assessments.round"]),
    Index("ix_findings_pattern", "kind", "meter", "found_at"),
    one_of("kind", FindingKind),
)

# The events a finding rests on.
finding_rows = Table(
    "finding_rows",
    metadata,
    Column("case_id", Text, nullable=False),
    Column("round", Integer, nullable=False),
    Column("finding", Integer, nullable=False),
    Column("event_id", Uuid, nullable=False),
    moment("event_time"),
    Column("quantity", Quantity, nullable=False),
    PrimaryKeyConstraint("case_id", "round", "finding", "event_time", "event_id"),
    ForeignKeyConstraint(["case_id", "round", "finding"], ["findings.case_id", "findings.round", "findings.finding"]),
)
