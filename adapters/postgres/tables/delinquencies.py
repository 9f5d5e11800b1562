"""Cases of recovery, one row an episode of a tenant, and what was arranged in them."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from adapters.postgres.tables.columns import Json, metadata, moment, one_of, words
from billing.recovery import ArrangementState, Ending

# A tenant has one open episode at most. `story` is billing.recovery.RecoveryStory as it was told last: what lists show, and
# what is left of a case that Temporal has forgotten.
delinquencies = Table(
    "delinquencies",
    metadata,
    Column("case_id", Text, primary_key=True),
    Column("tenant_id", ForeignKey("tenants.tenant_id"), nullable=False),
    Column("episode", Integer, nullable=False),
    moment("opened_at"),
    Column("story", Json),
    moment("told_at", nullable=True),
    Column("ending", Text),
    moment("closed_at", nullable=True),
    UniqueConstraint("tenant_id", "episode"),
    Index("uq_delinquencies_open", "tenant_id", unique=True, postgresql_where=text("ending is null")),
    Index("ix_delinquencies_opened_at", "opened_at"),
    one_of("ending", Ending),
    CheckConstraint("episode >= 1", name="episode_counts_from_one"),
    CheckConstraint("(ending is null) = (closed_at is null)", name="closed_has_an_ending"),
    CheckConstraint("ending is null or story is not null", name="closed_with_its_story"),
)

# What was agreed on with a tenant or for it. `request` is billing.recovery.ArrangementRequest as it was asked for, and
# approved where that was needed: the effect of the same key holds the signatures.
arrangements = Table(
    "arrangements",
    metadata,
    Column("arrangement_id", Text, primary_key=True),
    Column("case_id", ForeignKey("delinquencies.case_id"), nullable=False, index=True),
    words("kind"),
    Column("request", Json, nullable=False),
    words("requested_by"),
    words("reason"),
    moment("requested_at"),
    words("state"),
    Column("decided_by", Text),
    moment("settled_at", nullable=True),
    one_of("state", ArrangementState),
)
