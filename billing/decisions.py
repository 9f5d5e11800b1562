"""The decision log: one line a decision in the documents' exact format, chained by SHA-256 so that tampering shows (D13)."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict

from billing.disputes import Category
from billing.money import Money

GENESIS = "0" * 64
_BREAKS_A_LINE = re.compile(r"[\x00-\x1f\x7f|=]+")


class Decision(BaseModel):
    """One row of the log; `seq` has no gaps, `sha256` covers the previous row's hash and this row's line."""

    model_config = ConfigDict(frozen=True)

    seq: int
    at: AwareDatetime
    line: str
    prev_sha256: str
    sha256: str


class DisputeDecision(BaseModel):
    """What a resolved dispute puts on record; amounts in the tenant's currency."""

    model_config = ConfigDict(frozen=True)

    resolver: str
    tenant_id: str
    period: str
    disputed: Money
    credited: Money
    category: Category
    team: str

    def line(self, at: datetime) -> str:
        """The DECISIONS.log line: UTC timestamp, then the fields of the runbook in its order."""
        fields = {
            "OPERATOR": self.resolver,
            "ACTION": "usage_dispute_resolved",
            "TENANT": self.tenant_id,
            "PERIOD": self.period,
            "DISPUTED": f"{self.disputed.major:f}",
            "CREDITED": f"{self.credited.major:f}",
            "REASON": self.category,
            "EXECUTOR": self.team,
        }
        return _line(at, fields)


class CorrectionDecision(BaseModel):
    """What a correction of an invoice puts on record; `action` such as `invoice_voided`, amounts in the tenant's
    currency. `resolver` ordered it or approved it last."""

    model_config = ConfigDict(frozen=True)

    resolver: str
    action: str
    tenant_id: str
    period: str
    invoice_number: str
    amount: Money
    reason: str
    team: str

    def line(self, at: datetime) -> str:
        """The DECISIONS.log line in the form of the disputes' ones."""
        fields = {
            "OPERATOR": self.resolver,
            "ACTION": self.action,
            "TENANT": self.tenant_id,
            "PERIOD": self.period,
            "INVOICE": self.invoice_number,
            "AMOUNT": f"{self.amount.major:f}",
            "REASON": self.reason,
            "EXECUTOR": self.team,
        }
        return _line(at, fields)


class PurgeDecision(BaseModel):
    """What a retention purge puts on record: ids, counts and hashes, nothing of whom it concerned. `resolver` approved it
    last."""

    model_config = ConfigDict(frozen=True)

    resolver: str
    plan_id: str
    plan_sha256: str
    rows: int
    certificate_sha256: str

    def line(self, at: datetime) -> str:
        """The DECISIONS.log line in the form of the disputes' ones."""
        fields = {
            "OPERATOR": self.resolver,
            "ACTION": "retention_purge",
            "PLAN": self.plan_id,
            "PLAN_SHA256": self.plan_sha256,
            "ROWS": str(self.rows),
            "CERTIFICATE_SHA256": self.certificate_sha256,
        }
        return _line(at, fields)


def _line(at: datetime, fields: Mapping[str, str]) -> str:
    stamp = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return " | ".join([stamp, *(f"{name}={harmless(value)}" for name, value in fields.items())])


def harmless(value: str) -> str:
    """A value that can neither end its field nor its line: separators and control characters become one space."""
    return _BREAKS_A_LINE.sub(" ", value).strip()


def chained(prev_sha256: str, seq: int, line: str) -> str:
    """The hash of a row: over the previous row's hash, its own number and its line."""
    return hashlib.sha256(f"{prev_sha256}\n{seq}\n{line}".encode()).hexdigest()


def first_flaw(rows: Iterable[Decision], *, expected_last: int | None = None) -> str | None:
    """The first thing wrong with a chain in order of `seq`, as a sentence; None when it is whole.

    `expected_last` is the head kept elsewhere: without it a cut-off tail cannot be seen.
    """
    prev, last = GENESIS, 0
    for row in rows:
        if row.seq != last + 1:
            return f"row {last + 1} is missing: row {row.seq} follows row {last}"
        if row.prev_sha256 != prev or row.sha256 != chained(prev, row.seq, row.line):
            return f"row {row.seq} was changed: its hash does not match its content"
        prev, last = row.sha256, row.seq
    if expected_last is not None and last != expected_last:
        return f"row {last + 1} is missing: the log ends at {last}, its head says {expected_last}"
    return None
