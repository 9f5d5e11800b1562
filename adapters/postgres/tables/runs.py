"""Month ends: the runs, the entry of every tenant in them, the safety bounds that tripped, and who was parked by hand."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)

from adapters.postgres.tables.columns import (
    Json,
    billing_month,
    currency,
    metadata,
    minor,
    moment,
    one_of,
    sha256,
    words,
)
from billing.month_end import Outcome, RunState

# `policy` is billing.policy.month_end.MonthEndPolicy as the run read it; `cutoff` the closing it billed up to.
billing_runs = Table(
    "billing_runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    words("period"),
    Column("sequence", Integer, nullable=False),
    Column("dry_run", Boolean, nullable=False),
    Column("only_parked", Boolean, nullable=False),
    words("state"),
    Column("policy", Json, nullable=False),
    words("requested_by"),
    words("workflow_run_id", unique=True),
    moment("cutoff", nullable=True),
    moment("started_at"),
    moment("ended_at", nullable=True),
    Column("report", Json),
    UniqueConstraint("period", "sequence"),
    Index(
        "ix_billing_runs_working",
        "period",
        unique=True,
        postgresql_where=text("state = 'working' and not dry_run"),
    ),
    billing_month("period"),
    one_of("state", RunState),
    CheckConstraint("(state = 'working') = (ended_at is null)", name="ended_when_over"),
    CheckConstraint("sequence >= 1", name="sequence_counts_from_one"),
)

# The audit of a run, only ever added to. Without foreign keys: they would be checked for every tenant of every run.
# `digest` is the SHA-256 of the bill, so that two runs can be compared without their lines.
run_entries = Table(
    "run_entries",
    metadata,
    words("run_id"),
    words("tenant_id"),
    words("outcome"),
    Column("reason", Text),
    currency(nullable=True),
    minor("total_minor", nullable=True),
    Column("lines", Integer),
    Column("invoice_id", Text),
    sha256("digest", nullable=True),
    PrimaryKeyConstraint("run_id", "tenant_id"),
    one_of("outcome", Outcome),
    CheckConstraint(
        "outcome <> 'rated' or (currency is not null and total_minor is not null and lines is not null)",
        name="rated_has_an_amount",
    ),
    CheckConstraint("outcome not in ('parked', 'held') or reason is not null", name="stopped_for_a_reason"),
)

run_flags = Table(
    "run_flags",
    metadata,
    Column("run_id", ForeignKey("billing_runs.run_id"), nullable=False),
    words("tenant_id"),
    words("bound"),
    words("detail"),
    PrimaryKeyConstraint("run_id", "tenant_id", "bound"),
)

# A person took this tenant's draft out of the run before it was finalised.
run_parkings = Table(
    "run_parkings",
    metadata,
    Column("run_id", ForeignKey("billing_runs.run_id"), nullable=False),
    words("tenant_id"),
    words("reason"),
    words("parked_by"),
    moment("parked_at", server_default=func.now()),
    PrimaryKeyConstraint("run_id", "tenant_id"),
)
