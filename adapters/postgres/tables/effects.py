"""Outside effects, the approvals that let them happen, every refused decision, and the mail that left."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.postgres.tables.columns import Json, currency, metadata, minor, moment, one_of, sha256, words
from billing.authority import Role
from billing.effects import EffectKind, EffectState


class ApprovalState(StrEnum):
    """A question is open until a person, time or events end it."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class MailState(StrEnum):
    """Whether a letter left; `unknown`: the connection broke after it was handed over."""

    SENT = "sent"
    UNKNOWN = "unknown"


# `path` holds the roles that must approve, in order; amounts are set for credits only, so that a tenant's credits can be
# summed without opening the requests. A trigger keeps what was frozen: the request, and the wire within its generation.
effects = Table(
    "effects",
    metadata,
    Column("op_key", Text, primary_key=True),
    words("kind"),
    words("case_id", index=True),
    Column("tenant_id", Text),
    words("state"),
    Column("request", Json, nullable=False),
    sha256("request_sha256"),
    Column("path", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    minor("amount_minor", nullable=True),
    minor("recently_credited_minor", nullable=True),
    currency(nullable=True),
    Column("generation", Integer, nullable=False, server_default=text("1")),
    Column("wire", Json),
    moment("first_sent_at", nullable=True),
    moment("intended_at", server_default=func.now()),
    Column("provider_id", Text),
    Column("outcome", Json),
    Column("why", Text),
    Index("ix_effects_tenant", "tenant_id", "intended_at", postgresql_where=text("kind = 'credit'")),
    Index("ix_effects_corrections", "tenant_id", postgresql_where=text("kind = 'invoice_correction'")),
    one_of("kind", EffectKind),
    one_of("state", EffectState),
    CheckConstraint("(kind = 'credit') = (amount_minor is not null and currency is not null)", name="credit_amount"),
    CheckConstraint("amount_minor > 0", name="gives_something_back"),
    CheckConstraint("kind <> 'credit' or tenant_id is not null", name="credit_has_a_tenant"),
    CheckConstraint("generation >= 1", name="generation_counts_from_one"),
    CheckConstraint("state <> 'sent' or (wire is not null and first_sent_at is not null)", name="sent_is_frozen"),
    CheckConstraint("state <> 'confirmed' or provider_id is not null", name="confirmed_by_the_provider"),
)

# The approval id is `<op_key>/a<position>`. `role` climbs while nobody answers; `decided_role` is the role of whoever did.
# `signed_decision` is billing.cases.SignedDecision: its signature is checked again before anything leaves.
approvals = Table(
    "approvals",
    metadata,
    Column("approval_id", Text, primary_key=True),
    Column("op_key", ForeignKey("effects.op_key"), nullable=False),
    Column("position", Integer, nullable=False),
    words("role"),
    words("question"),
    sha256("request_sha256"),
    words("requested_by"),
    words("state"),
    moment("asked_at"),
    moment("expires_at"),
    Column("decided_by", ForeignKey("operators.operator_id")),
    Column("decided_role", Text),
    moment("decided_at", nullable=True),
    Column("signed_decision", Json),
    UniqueConstraint("op_key", "position"),
    # Each role of a path is answered by a different person.
    UniqueConstraint("op_key", "decided_by"),
    Index("ix_approvals_open", "asked_at", postgresql_where=text("state = 'open'")),
    one_of("role", Role),
    one_of("decided_role", Role),
    one_of("state", ApprovalState),
    CheckConstraint("decided_by <> requested_by", name="another_person_decides"),
    CheckConstraint(
        "(state in ('approved', 'rejected')) = (decided_by is not null and decided_role is not null "
        "and decided_at is not null and signed_decision is not null)",
        name="decided_by_somebody",
    ),
    CheckConstraint("position >= 1", name="position_counts_from_one"),
    CheckConstraint("expires_at > asked_at", name="expires_after_asking"),
)

# Every decision that did not count, forged ones included, so nothing here may be assumed to exist or to be true.
approval_refusals = Table(
    "approval_refusals",
    metadata,
    Column("refusal_id", BigInteger, Identity(always=True), primary_key=True),
    words("approval_id", index=True),
    words("operator_id"),
    words("verdict"),
    sha256("request_sha256"),
    sha256("decision_sha256", unique=True),
    words("objection"),
    moment("decided_at"),
    moment("refused_at", server_default=func.now()),
)

# `letter` is billing.emails.Letter as it was handed to the postman.
sent_mail = Table(
    "sent_mail",
    metadata,
    Column("op_key", ForeignKey("effects.op_key"), primary_key=True),
    Column("message_id", Text, unique=True),
    words("case_id", index=True),
    words("template"),
    words("recipient"),
    Column("subject", Text),
    words("state"),
    moment("sent_at", server_default=func.now()),
    Column("letter", Json, nullable=False),
    one_of("state", MailState),
    CheckConstraint("state <> 'sent' or message_id is not null", name="sent_has_a_message_id"),
)
