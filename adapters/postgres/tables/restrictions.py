"""What each tenant's service is limited to: one row of truth a tenant, a row for each cause, and the log of changes; caps
that were set by hand, and who was told of usage."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Identity,
    Index,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from adapters.postgres.tables.columns import Json, Quantity, metadata, moment, one_of, words
from billing.access import Cause, Restriction
from billing.overage import AlertKind

_Share = Numeric(5, 4)
_SHARE_FITS = "(restriction = 'rate_limited') = (rate_share > 0 and rate_share < 1)"

# What gateways are told; the strictest of what the causes ask for. Tenants that were never limited have no row.
restrictions = Table(
    "restrictions",
    metadata,
    Column("tenant_id", ForeignKey("tenants.tenant_id"), primary_key=True),
    words("restriction", server_default=text("'none'")),
    Column("rate_share", _Share, nullable=False, server_default=text("1")),
    Column("cause", Text),
    words("reason", server_default=text("''")),
    moment("since", nullable=True),
    Column("revision", BigInteger, nullable=False, server_default=text("0")),
    Index("ix_restrictions_limited", "tenant_id", postgresql_where=text("restriction <> 'none'")),
    one_of("restriction", Restriction),
    one_of("cause", Cause),
    CheckConstraint("(restriction = 'none') = (cause is null)", name="limited_by_a_cause"),
    CheckConstraint(_SHARE_FITS, name="share_fits"),
)

restriction_limits = Table(
    "restriction_limits",
    metadata,
    Column("tenant_id", ForeignKey("tenants.tenant_id"), nullable=False),
    words("cause"),
    words("restriction"),
    Column("rate_share", _Share, nullable=False),
    words("reason"),
    moment("since"),
    words("case_id"),
    words("by"),
    PrimaryKeyConstraint("tenant_id", "cause"),
    one_of("cause", Cause),
    CheckConstraint("restriction in ('rate_limited', 'new_requests_blocked', 'suspended', 'deleted')", name="limits"),
    CheckConstraint(_SHARE_FITS, name="share_fits"),
)

# Every order that was carried out, only ever added; `op_key` makes the same one happen once.
restriction_log = Table(
    "restriction_log",
    metadata,
    Column("log_id", BigInteger, Identity(always=True), primary_key=True),
    words("op_key", unique=True),
    Column("tenant_id", ForeignKey("tenants.tenant_id"), nullable=False),
    words("cause"),
    words("restriction"),
    Column("rate_share", _Share, nullable=False),
    words("reason"),
    words("case_id"),
    words("by"),
    moment("at"),
    # The transaction that wrote the row, by which gateways are told of what changed since they looked last.
    Column("written_in", BigInteger, nullable=False, server_default=text("pg_current_xact_id()::text::bigint")),
    Index("ix_restriction_log_tenant_id", "tenant_id", "log_id"),
    Index("ix_restriction_log_written_in", "written_in"),
    one_of("cause", Cause),
    one_of("restriction", Restriction),
)

# Caps that differ from what the contract includes; the newest row of a tenant's meter counts. `cap` null: no cap.
usage_caps = Table(
    "usage_caps",
    metadata,
    Column("cap_id", BigInteger, Identity(always=True), primary_key=True),
    Column("tenant_id", ForeignKey("tenants.tenant_id"), nullable=False),
    Column("meter", ForeignKey("meters.meter"), nullable=False),
    Column("cap", Quantity),
    Column("as_contracted", Boolean, nullable=False, server_default=text("false")),
    words("reason"),
    words("by"),
    moment("at"),
    Index("ix_usage_caps_tenant_id", "tenant_id", "meter", "cap_id"),
    CheckConstraint("cap > 0", name="cap_is_more_than_nothing"),
    CheckConstraint("cap is null or not as_contracted", name="contract_has_its_own"),
)

# Whom usage was or is to be told to; `facts` is billing.overage.UsageAlert as it was found.
usage_alerts = Table(
    "usage_alerts",
    metadata,
    Column("alert_id", BigInteger, Identity(always=True), primary_key=True),
    Column("tenant_id", ForeignKey("tenants.tenant_id"), nullable=False),
    words("kind"),
    words("meter"),
    Column("period", Date, nullable=False),
    words("mark"),
    Column("facts", Json, nullable=False),
    moment("found_at"),
    moment("told_at", nullable=True),
    UniqueConstraint("tenant_id", "kind", "meter", "period", "mark"),
    Index("ix_usage_alerts_untold", "alert_id", postgresql_where=text("told_at is null")),
    one_of("kind", AlertKind),
)
