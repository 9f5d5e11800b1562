"""What is wrong in the sample data, on purpose: every planted defect with where it lies and what it is worth.

Everything else is clean: raw events, roll-ups and invoices agree. `docs/sample-data.md` tells the same in words, and the
tests compute each amount again from the loaded rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from billing.findings import FindingKind
from billing.tenants import Tier
from sandbox.sample_data.roster import ROSTER
from sandbox.sample_data.streams import (
    AFTER_MIDNIGHT,
    DEEP_NIGHT,
    FIRST_DAY,
    LAST_DAY,
    SAMPLED_BY_CELL_3,
    Stream,
    home_network,
)

PERIOD = "2026-10"


@dataclass(frozen=True)
class Defect:
    """One planted defect of October 2026: what an investigation finds, and the credit it computes in minor units."""

    code: str
    tenant_id: str
    meter: str
    kind: FindingKind
    credit_minor: int


DEFECTS: tuple[Defect, ...] = (
    Defect("S1", "quillmere", "api_calls", FindingKind.DUPLICATE_EVENTS, 3833),
    Defect("S2", "brackenfield", "speech_seconds", FindingKind.QUALITY_BREACH, 77006),
    Defect("S3", "feldmarkt", "gpu_seconds", FindingKind.DUPLICATE_EVENTS, 2650),
    Defect("S5", "ostrafell", "api_calls", FindingKind.COMPROMISED_KEY, 45880),
    Defect("S6", "tarnwick", "tokens_in", FindingKind.DUPLICATE_EVENTS, 2869),
    Defect("P1", "ravelstone", "api_calls", FindingKind.WRONG_RATE, 25755),
    Defect("P2", "haverquist", "gpu_seconds", FindingKind.MISDATED_EVENTS, 5499),
    Defect("P3", "lumenthorpe", "storage_gb_hours", FindingKind.DUPLICATE_EVENTS, 1614),
    Defect("P3", "velliano", "storage_gb_hours", FindingKind.DUPLICATE_EVENTS, 1482),
    Defect("P3", "grauwald", "storage_gb_hours", FindingKind.DUPLICATE_EVENTS, 1459),
)


@dataclass(frozen=True)
class Repetition:
    """Every event of a tenant's meter in `[starts, ends)` arrived a second time under another id."""

    tenant_id: str
    meter: str
    starts: datetime
    ends: datetime


@dataclass(frozen=True)
class Trouble:
    """A bad stretch `[starts, ends)` of a tenant's meter: of 256 requests so many fail, are slow (by `slowness`), or are
    served without being counted. Stretches of one meter do not overlap."""

    tenant_id: str
    meter: str
    starts: datetime
    ends: datetime
    failing: int = 0
    slow: int = 0
    slowness: int = 1
    uncounted: int = 0


@dataclass(frozen=True)
class Outage:
    """A recorded outage of one meter's route."""

    outage_id: str
    meter: str
    starts: datetime
    ends: datetime
    summary: str


def _october(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 10, day, hour, minute, tzinfo=UTC)


REPETITIONS: tuple[Repetition, ...] = (
    # S1: a collector sent a day's batches again after a restart.
    Repetition("quillmere", "api_calls", _october(14, 16), _october(15, 0)),
    # S3: two days' batches, sent again after a disk was restored.
    Repetition("feldmarkt", "gpu_seconds", _october(20, 5), _october(21, 12)),
    # S6: the same restart as S1 at another collector, two days later.
    Repetition("tarnwick", "tokens_in", _october(16, 8), _october(16, 17)),
    # P3: a deploy ran the sampler of cell 3 twice until it was taken back.
    *(Repetition(tenant, "storage_gb_hours", _october(22, 8), _october(23, 8)) for tenant in SAMPLED_BY_CELL_3),
)

_SPEECH_OUTAGE = (_october(14, 17, 20), _october(14, 19, 5))

TROUBLES: tuple[Trouble, ...] = (
    # S2: an outage, two bursts of errors and an afternoon of slow answers; together 12 hours in breach.
    Trouble("brackenfield", "speech_seconds", *_SPEECH_OUTAGE, failing=230),
    Trouble("brackenfield", "speech_seconds", _october(6, 16), _october(6, 18), failing=24),
    Trouble("brackenfield", "speech_seconds", _october(21, 20), _october(21, 22), failing=24),
    Trouble("brackenfield", "speech_seconds", _october(27, 15), _october(27, 20), slow=56, slowness=10),
    # S3: the queue of an ingest node overflowed and lost every other event for two hours.
    Trouble("feldmarkt", "gpu_seconds", _october(8, 12), _october(8, 14), uncounted=128),
)

OUTAGES: tuple[Outage, ...] = (
    Outage(
        "speech-2026-10-14", "speech_seconds", *_SPEECH_OUTAGE,
        "Transcription answered most requests with errors after a failed model roll-out.",
    ),
)  # fmt: skip

# S5: a key that was out of use, but not revoked, leaked; for three nights a stranger used it from a network nobody knew.
STOLEN_KEY = "ostrafell-ci"
STRANGE_NETWORK = "203.0.113.64/26"
INTRUSION = (date(2026, 10, 17), date(2026, 10, 19))
GUESSES_UNTIL = _october(17, 5, 40)
FAILED_GUESSES = 64
REPORTED_AT = _october(20, 14)

# S5 too: the customer takes this network for the thief's as well. It has worked at night since September; that alone
# is no finding.
NIGHT_KEY = "ostrafell-nightly"
NIGHT_NETWORK = "192.0.2.128/25"

EXTRA_STREAMS: tuple[Stream, ...] = (
    Stream(
        "ostrafell/builds", "ostrafell", "api_calls", 6, STOLEN_KEY, home_network("ostrafell", "batch"), 4, 0.5,
        last_day=date(2026, 9, 30), tools=("sdk-python",), logged=True,
    ),
    Stream(
        "ostrafell/intruder", "ostrafell", "api_calls", 300, STOLEN_KEY, STRANGE_NETWORK, 22, 0.5, weekend=1.0,
        growth=1.0, hours=DEEP_NIGHT, first_day=INTRUSION[0], last_day=INTRUSION[1], tools=("curl",), logged=True,
    ),
    Stream(
        "ostrafell/nightly", "ostrafell", "api_calls", 48, NIGHT_KEY, NIGHT_NETWORK, 22, 0.5, weekend=1.0,
        growth=1.0, hours=DEEP_NIGHT, first_day=date(2026, 9, 1), tools=("rest",), logged=True,
    ),
    # P2: what the New York tenant runs in the first hour of each month, so that a wrong day is a wrong month.
    *(
        Stream(
            f"haverquist/month-start-{first:%m}", "haverquist", "gpu_seconds", 260, "haverquist-batch",
            home_network("haverquist", "batch"), 240, 0.4, 3, weekend=1.0, growth=1.0, hours=AFTER_MIDNIGHT,
            first_day=first, last_day=first, models=("render-1",), tools=("month-start",), logged=True,
        )
        for first in (date(2026, month, 1) for month in range(FIRST_DAY.month, LAST_DAY.month + 1))
    ),
)  # fmt: skip

# P2: from this day on, the end of summer time in Europe, the roll-up job took New York to be on standard time already.
ROLLED_UP_WITH_WRONG_CLOCK = tuple(tenant.tenant_id for tenant in ROSTER if tenant.zone == "America/New_York")
WRONG_CLOCK_FROM = date(2026, 10, 25)
WRONG_CLOCK = "Etc/GMT+5"

# P1: tenant, month and meter of a line -> the tier whose price list it was rated with by mistake.
RATED_AS: dict[tuple[str, str, str], Tier] = {("ravelstone", PERIOD, "api_calls"): Tier.FREE}

# Whose requests are kept in the request log, and since when; all other events stand alone.
LOGGED = frozenset(
    {"quillmere", "tarnwick", "ostrafell", "kumosora", "brackenfield", "feldmarkt", "ravelstone", "haverquist"}
)
LOGGED_FROM = datetime(2026, 9, 1, tzinfo=UTC)
