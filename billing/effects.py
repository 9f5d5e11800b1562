"""The record of one outside effect: what was frozen before the first send, and what is known of its outcome."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict

# Providers forget a key after 24 hours; from here on the object is looked up before anything is sent again.
KEY_TRUSTED_FOR = timedelta(hours=23)


class EffectKind(StrEnum):
    """What leaves the house, or is gone for good. Money given back, a month's invoices, a correction, an arrangement and a
    purge may need approval before they are sent; a letter, an invoice that was issued and the payment of one do not."""

    CREDIT = "credit"
    LETTER = "letter"
    INVOICE = "invoice"
    INVOICE_RUN = "invoice_run"
    INVOICE_CORRECTION = "invoice_correction"
    PAYMENT = "payment"
    ARRANGEMENT = "arrangement"
    RETENTION_PURGE = "retention_purge"


class EffectState(StrEnum):
    """`proposed` waits for approvals, `intended` may be sent; `sent` has left and is unconfirmed."""

    PROPOSED = "proposed"
    INTENDED = "intended"
    SENT = "sent"
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    WITHDRAWN = "withdrawn"


class EffectIntent(BaseModel):
    """An effect to be recorded before its first send; `op_key` is runbook/subject/step, never an attempt number."""

    model_config = ConfigDict(frozen=True)

    op_key: str
    kind: EffectKind
    case_id: str
    tenant_id: str | None
    request: dict[str, Any]
    request_sha256: str


class Effect(BaseModel):
    """A row of the effects table. `wire` is the exact provider request, frozen at the first send of a generation."""

    model_config = ConfigDict(frozen=True)

    op_key: str
    kind: EffectKind
    case_id: str
    tenant_id: str | None
    state: EffectState
    request: dict[str, Any]
    request_sha256: str
    generation: int = 1
    wire: dict[str, Any] | None = None
    first_sent_at: AwareDatetime | None = None
    intended_at: AwareDatetime
    provider_id: str | None = None
    outcome: dict[str, Any] | None = None

    def key_may_be_forgotten(self, now: datetime) -> bool:
        """Whether the provider may have pruned the key, so that sending it again could act a second time."""
        return self.first_sent_at is not None and now - self.first_sent_at > KEY_TRUSTED_FOR

    def must_look_up(self, now: datetime) -> bool:
        """Whether the provider's object must be looked for before anything may be sent again."""
        return self.state is EffectState.UNKNOWN or self.key_may_be_forgotten(now)

    @property
    def idempotency_key(self) -> str:
        """Organisation, day of the intent, op_key and generation (P6); at most 255 characters, no personal data."""
        return f"{self.tenant_id or 'house'}/{self.intended_at:%Y-%m-%d}/{self.op_key}/g{self.generation}"
