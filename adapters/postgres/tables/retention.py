"""Retention: who waits for deletion, every plan with how far it was carried out, and whose rows are whose (P9)."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.postgres.tables.columns import Json, metadata, moment, one_of, sha256, words
from billing.retention import PlanState, WorkState

# Whom recovery gave up, by the case that did. `since` is when the time of retention was over; a tenant waits once at a
# time, is spared when it pays after all, and is `begun_at` from the first batch on, when there is no way back.
deletion_candidates = Table(
    "deletion_candidates",
    metadata,
    Column("tenant_id", ForeignKey("tenants.tenant_id"), nullable=False),
    words("case_id"),
    moment("since"),
    moment("spared_at", nullable=True),
    moment("begun_at", nullable=True),
    moment("deleted_at", nullable=True),
    PrimaryKeyConstraint("tenant_id", "case_id"),
    Index(
        "ix_deletion_candidates_waiting",
        "tenant_id",
        unique=True,
        postgresql_where=text("spared_at is null and deleted_at is null"),
    ),
    CheckConstraint("spared_at is null or begun_at is null", name="spared_before_it_began"),
    CheckConstraint("deleted_at is null or begun_at is not null", name="deleted_after_it_began"),
)

# `plan` is billing.retention.PurgePlan as its canonical JSON, whose hash people confirm. The application adds plans and
# writes how they ended; `begin_retention` and `finish_retention` alone move the state on.
retention_plans = Table(
    "retention_plans",
    metadata,
    Column("plan_id", Text, primary_key=True),
    words("plan"),
    sha256("sha256"),
    words("state", server_default=text("'planned'")),
    words("requested_by"),
    moment("planned_at"),
    Column("ending", Text),
    moment("begun_at", nullable=True),
    moment("finished_at", nullable=True),
    Column("certificate", Json),
    sha256("certificate_sha256", nullable=True),
    Index("ix_retention_plans_executing", "state", unique=True, postgresql_where=text("state = 'executing'")),
    one_of("state", PlanState),
    CheckConstraint("sha256 = encode(sha256(convert_to(plan, 'UTF8')), 'hex')", name="hash_of_the_plan"),
    CheckConstraint("(state = 'planned') = (begun_at is null)", name="begun_when_executing"),
    CheckConstraint(
        "(state = 'done') = (finished_at is not null and certificate is not null and certificate_sha256 is not null)",
        name="done_with_a_certificate",
    ),
)

# The rows of a plan that is carried out, in its order; `tenant_id` NULL: `table_name` is a month of raw usage.
retention_work = Table(
    "retention_work",
    metadata,
    Column("plan_id", ForeignKey("retention_plans.plan_id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("tenant_id", Text),
    words("table_name"),
    Column("planned", BigInteger, nullable=False),
    Column("gone", BigInteger, nullable=False, server_default=text("0")),
    words("state", server_default=text("'waiting'")),
    PrimaryKeyConstraint("plan_id", "position"),
    one_of("state", WorkState),
)

# Which rows of a table are a tenant's and what becomes of them, in SQL; written by migrations and by nobody else.
retention_scope = Table(
    "retention_scope",
    metadata,
    Column("table_name", Text, primary_key=True),
    Column("position", Integer, nullable=False, unique=True),
    words("source"),
    words("owner"),
    words("pending", server_default=text("'true'")),
    Column("key", ARRAY(Text), nullable=False),
    words("sorting", server_default=text("''")),
    Column("changes", Text),
)
