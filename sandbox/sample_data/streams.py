"""Who uses what, how much, when and from where: each stream is one tenant's ordinary use of one meter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sandbox.sample_data.catalogue import METERS
from sandbox.sample_data.roster import ROSTER, TENANTS

FIRST_DAY = date(2026, 8, 1)
# Some days beyond the last closed month, so that its end lies amid usage.
LAST_DAY = date(2026, 11, 3)

# How often each hour of the local day is chosen, from midnight on.
OFFICE_HOURS = (1, 1, 1, 1, 1, 1, 2, 4, 8, 12, 12, 12, 9, 12, 12, 12, 12, 9, 5, 4, 3, 2, 1, 1)
ROUND_THE_CLOCK = (1,) * 24
DEEP_NIGHT = (4, 5, 5, 4, 1, *(0,) * 18, 2)
AFTER_MIDNIGHT = (1, *(0,) * 23)


@dataclass(frozen=True)
class Stream:
    """`per_day` requests on an ordinary weekday, on weekends `weekend` times that. A request counts around `median`
    units, log-normal with `spread`, rounded to `places`. `paced` requests come exactly on the hour, each hour the same
    number. `logged`: the requests stand in the request log too, from `network`, answered in about `latency_ms`."""

    name: str
    tenant_id: str
    meter: str
    per_day: int
    api_key_id: str
    network: str
    median: float
    spread: float
    places: int = 0
    weekend: float = 0.45
    growth: float = 1.04
    hours: Sequence[int] = OFFICE_HOURS
    paced: bool = False
    first_day: date = FIRST_DAY
    last_day: date = LAST_DAY
    models: Sequence[str] = ()
    tools: Sequence[str] = ()
    latency_ms: int = 120
    logged: bool = False

    def drawn_with(self) -> dict[str, Any]:
        """The stream as the generating statement takes it; the hours become 256 slots that one random byte chooses."""
        return {
            **vars(self),
            "first_day": self.first_day.isoformat(),
            "last_day": self.last_day.isoformat(),
            "grain": 10**self.places,
            "hours": _slots(self.hours).hex(),
            "zone": TENANTS[self.tenant_id].zone,
            "route": METERS[self.meter].route,
        }


@dataclass(frozen=True)
class _Habit:
    """What a request of a meter looks like, whoever sends it."""

    median: float
    spread: float
    latency_ms: int
    places: int = 0
    key: str = "prod"
    options: dict[str, Any] = field(default_factory=dict)


_HABITS = {
    "api_calls": _Habit(6, 0.8, 110, options={"tools": ("rest", "sdk-python", "sdk-node")}),
    "tokens_in": _Habit(9_000, 0.7, 150, options={"models": ("embed-2", "embed-2-large"), "tools": ("sdk-python",)}),
    "tokens_out": _Habit(7_000, 0.7, 170, options={"models": ("compose-3", "compose-3-mini"), "tools": ("sdk-node",)}),
    "gpu_seconds": _Habit(60, 0.7, 140, 3, key="batch", options={"models": ("render-1",), "tools": ("scheduler",)}),
    "speech_seconds": _Habit(58, 0.6, 300, 3, options={"models": ("scribe-1",), "tools": ("sdk-python",)}),
    "storage_gb_hours": _Habit(
        1_500, 0.15, 40, 3, key="batch",
        options={"hours": ROUND_THE_CLOCK, "paced": True, "weekend": 1.0, "growth": 1.0, "tools": ("sampler-cell-1",)},
    ),
}  # fmt: skip

# Requests on an ordinary weekday; storage is sampled every hour, one to four buckets.
_USAGE: dict[str, dict[str, int]] = {
    "quillmere": {"api_calls": 320, "tokens_out": 80, "storage_gb_hours": 48},
    "tarnwick": {"tokens_in": 420, "api_calls": 60, "storage_gb_hours": 24},
    "ostrafell": {"api_calls": 300, "gpu_seconds": 60, "storage_gb_hours": 24},
    "kumosora": {"tokens_out": 380, "tokens_in": 60, "storage_gb_hours": 24},
    "pellingrove": {"api_calls": 260, "tokens_in": 140},
    "haverquist": {"gpu_seconds": 260, "api_calls": 120, "storage_gb_hours": 24},
    "lumenthorpe": {"storage_gb_hours": 96, "api_calls": 180},
    "suryakosh": {"api_calls": 300, "tokens_out": 120},
    "brackenfield": {"speech_seconds": 620, "api_calls": 40},
    "feldmarkt": {"gpu_seconds": 150, "api_calls": 60},
    "ravelstone": {"api_calls": 200, "tokens_in": 40},
    "dunmorrow": {"api_calls": 130, "storage_gb_hours": 24},
    "coppervane": {"tokens_out": 110, "api_calls": 50},
    "velliano": {"storage_gb_hours": 72, "api_calls": 80},
    "grauwald": {"storage_gb_hours": 72, "gpu_seconds": 40},
    "aonami": {"api_calls": 140},
    "tsukihara": {"tokens_in": 120},
    "vandrani": {"api_calls": 130},
    "montclavier": {"tokens_out": 120},
    "islaverde": {"api_calls": 120},
    "birchhollow": {"api_calls": 110, "gpu_seconds": 30},
    "northfen": {"api_calls": 150},
    "kestrelbay": {"tokens_in": 110, "storage_gb_hours": 24},
    "pinewhistle": {"api_calls": 40},
    "amberlily": {"api_calls": 30},
    "odenbruck": {"api_calls": 25},
    "ostermoor": {"tokens_in": 20},
    "radgasse": {"api_calls": 35},
    "polderzicht": {"api_calls": 45},
    "lunaria": {"tokens_out": 20},
    "wrenhollow": {"tokens_in": 25},
    "fjellvind": {"api_calls": 50},
    "hinatamachi": {"api_calls": 30},
    "vidyapath": {"tokens_in": 30},
}


# The other tenants' buckets are sampled by cell 1.
SAMPLED_BY_CELL_3 = ("lumenthorpe", "velliano", "grauwald")


def home_network(tenant_id: str, key: str) -> str:
    """The network a tenant's own machines call from, in the range set aside for benchmarks: no real host is named."""
    second = {"prod": 18, "batch": 19}[key]
    return f"198.{second}.{[tenant.tenant_id for tenant in ROSTER].index(tenant_id) + 1}.0/24"


def ordinary_streams(logged: frozenset[str]) -> list[Stream]:
    """Every tenant's everyday usage; the requests of the tenants in `logged` are kept in the request log."""
    return [_ordinary(tenant_id, meter, per_day, tenant_id in logged)
            for tenant_id, uses in _USAGE.items() for meter, per_day in uses.items()]  # fmt: skip


def _ordinary(tenant_id: str, meter: str, per_day: int, logged: bool) -> Stream:
    habit = _HABITS[meter]
    options = habit.options
    if meter == "storage_gb_hours" and tenant_id in SAMPLED_BY_CELL_3:
        options = options | {"tools": ("sampler-cell-3",)}
    return Stream(
        name=f"{tenant_id}/{meter}",
        tenant_id=tenant_id,
        meter=meter,
        per_day=per_day,
        api_key_id=f"{tenant_id}-{habit.key}",
        network=home_network(tenant_id, habit.key),
        median=habit.median,
        spread=habit.spread,
        places=habit.places,
        latency_ms=habit.latency_ms,
        # The sampler asks nobody: nothing of it is in the request log.
        logged=logged and meter != "storage_gb_hours",
        **options,
    )


def _slots(weights: Sequence[int]) -> bytes:
    """256 hours, each as often as its weight says."""
    whole = sum(weights)
    bounds = [round(256 * sum(weights[: hour + 1]) / whole) for hour in range(24)]
    return bytes(next(hour for hour, bound in enumerate(bounds) if slot < bound) for slot in range(256))
