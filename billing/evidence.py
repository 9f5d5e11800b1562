"""What an investigation found in the data, as facts with quantities and rows, before anyone judges them (D4, D5)."""

from datetime import date
from decimal import Decimal
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from billing.money import Currency
from billing.periods import Span
from billing.tenants import MeterName


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True)


class RowSet(_Fact):
    """Which rows a fact rests on: how many, a SHA-256 over their sorted ids, and up to ten of the ids to look at."""

    count: int
    sha256: str
    sample: tuple[str, ...] = ()


class EvidenceFile(_Fact):
    """One exported file in the case's evidence folder: data rows without the header, bytes, SHA-256 of the whole."""

    name: str
    media_type: str
    rows: int
    size_bytes: int
    sha256: str


class DayTotal(_Fact):
    """Raw events against the stored roll-up for one local day of one meter; quantities in the meter's unit.

    `windowed_quantity` is the raw total inside the window the roll-up job says it read: roll-up against it shows lost
    or invented usage, it against `raw_quantity` shows a window drawn by the wrong clock.
    """

    day: date
    meter: MeterName
    raw_quantity: Decimal
    raw_events: int
    windowed_quantity: Decimal
    rolled_up_quantity: Decimal


class DuplicateEvents(_Fact):
    """Events beyond the first that repeat trace id, meter, quantity and time; `quantity` is what they add in excess."""

    meter: MeterName
    quantity: Decimal
    rows: RowSet


class MissingEvents(_Fact):
    """Successful logged requests of a metered route without a usage event; `quantity` is the usage never counted."""

    meter: MeterName
    quantity: Decimal
    rows: RowSet


class Misdating(StrEnum):
    """How usage came to be billed, or not, against the tenant's clock; also the `part` of its rows in the evidence."""

    FOREIGN = "belongs to another period"
    LEFT_OUT = "left out of the period"
    TWICE = "counted in two windows"


class MisdatedEvents(_Fact):
    """Events that roll-up windows put into the period, counted once more (both positive) or left out of it (negative)
    against the tenant's zone."""

    meter: MeterName
    wrong: Misdating
    quantity: Decimal
    first_day: date
    last_day: date
    rows: RowSet


class KeyUsage(_Fact):
    """One API key and network in the period against the key's own trailing 28 days (D5, unauthorized usage)."""

    api_key_id: str
    network: str
    meter: MeterName
    quantity: Decimal
    baseline_daily_quantity: Decimal
    peak_daily_quantity: Decimal
    off_hours_share: Decimal
    first_seen_network: bool
    failed_authentications: int
    reported_compromised: bool
    active: Span
    rows: RowSet


class QualityWindow(_Fact):
    """One hour of service as the tenant saw it: requests, server errors, latency percentiles in milliseconds."""

    span: Span
    requests: int
    errors: int
    p50_ms: int
    p95_ms: int
    p99_ms: int
    outage: bool = False


class UsageFacts(_Fact):
    """Everything collected for one dispute; each category reads its own part of it."""

    currency: Currency
    period: Span
    day_totals: tuple[DayTotal, ...] = ()
    duplicates: tuple[DuplicateEvents, ...] = ()
    missing: tuple[MissingEvents, ...] = ()
    misdated: tuple[MisdatedEvents, ...] = ()
    key_usage: tuple[KeyUsage, ...] = ()
    quality: tuple[QualityWindow, ...] = ()
    quality_overall: QualityWindow | None = None


class EvidencePack(_Fact):
    """The stored outcome of one collection: its id, the files and how many events they hold."""

    evidence_id: str
    files: tuple[EvidenceFile, ...]
    events: int
    facts_sha256: str
