"""What the sample company sells: its meters, a price list for each tier, and the contracts that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from billing.contracts import Contract, RecurringFee, Terms
from billing.money import Money
from billing.periods import local_midnight
from billing.prices import MeterPrice, PriceTier
from billing.tenants import Tenant, Tier

CONTRACTS_START = date(2026, 1, 1)

# Planning rates, so that a price list in dollars reads as one in euros or yen.
_UNITS_PER_USD = {"USD": Decimal(1), "EUR": Decimal("0.90"), "JPY": Decimal(150)}

_BASE_FEE_USD = {Tier.ENTERPRISE: Decimal(1_900), Tier.PRO: Decimal(99), Tier.FREE: Decimal(0)}


@dataclass(frozen=True)
class Meter:
    """One metered service: its unit, what an invoice calls it, the route that counts it."""

    name: str
    unit: str
    label: str
    route: str


METERS: dict[str, Meter] = {
    meter.name: meter
    for meter in (
        Meter("api_calls", "call", "API calls", "/v1/records"),
        Meter("tokens_in", "token", "Embedded tokens", "/v1/embeddings"),
        Meter("tokens_out", "token", "Generated tokens", "/v1/completions"),
        Meter("gpu_seconds", "second", "GPU seconds", "/v1/jobs"),
        Meter("speech_seconds", "second", "Transcribed seconds", "/v1/transcriptions"),
        Meter("storage_gb_hours", "gigabyte hour", "Storage, gigabyte hours", "/internal/storage-samples"),
    )
}

# For each meter the included units, then (up to, US cents a unit) for each step; bounds count units beyond the included.
_Steps = tuple[tuple[int | None, str], ...]

_LIST: dict[Tier, dict[str, tuple[int, _Steps]]] = {
    Tier.ENTERPRISE: {
        "api_calls": (10_000, ((40_000, "2.2"), (120_000, "1.9"), (None, "1.6"))),
        "tokens_in": (10_000_000, ((60_000_000, "0.0009"), (None, "0.0007"))),
        "tokens_out": (4_000_000, ((40_000_000, "0.0026"), (None, "0.0021"))),
        "gpu_seconds": (20_000, ((200_000, "0.11"), (None, "0.09"))),
        "storage_gb_hours": (50_000, ((None, "0.012"),)),
    },
    Tier.PRO: {
        "api_calls": (5_000, ((20_000, "2.8"), (None, "2.4"))),
        "tokens_in": (2_000_000, ((20_000_000, "0.0011"), (None, "0.0009"))),
        "tokens_out": (1_000_000, ((10_000_000, "0.0032"), (None, "0.0028"))),
        "gpu_seconds": (5_000, ((100_000, "0.16"), (None, "0.14"))),
        "speech_seconds": (36_000, ((500_000, "0.28"), (None, "0.24"))),
        "storage_gb_hours": (10_000, ((None, "0.015"),)),
    },
    Tier.FREE: {
        "api_calls": (8_000, ((None, "3.5"),)),
        "tokens_in": (8_000_000, ((None, "0.0014"),)),
        "tokens_out": (4_000_000, ((None, "0.0040"),)),
    },
}


def list_price(tier: Tier, meter: str, currency: str) -> MeterPrice:
    """The tier's price of a meter in `currency`; KeyError when the tier does not sell it."""
    included, steps = _LIST[tier][meter]
    tiers = tuple(
        PriceTier(up_to=None if up_to is None else Decimal(up_to), unit_amount=_in_minor_units(cents, currency))
        for up_to, cents in steps
    )
    return MeterPrice(meter=meter, included=Decimal(included), tiers=tiers)


def contract_of(tenant: Tenant, until: datetime | None = None) -> Contract:
    """The tenant's contract: its tier's list, since the start of the year in its own zone and open unless said."""
    return Contract(
        contract_id=f"{tenant.tenant_id}-{CONTRACTS_START.year}",
        tenant_id=tenant.tenant_id,
        starts=local_midnight(CONTRACTS_START, tenant.zone),
        ends=until,
        terms=list_terms(tenant.tier, tenant.currency),
    )


def list_terms(tier: Tier, currency: str) -> Terms:
    """What a tier's list says in a currency: the base fee, if there is one, and a price a meter."""
    fee = Money.of(_BASE_FEE_USD[tier] * _UNITS_PER_USD[currency], currency).minor
    return Terms(
        currency=currency,
        fees=(RecurringFee(name="Base fee", amount_minor=fee),) if fee else (),
        prices=tuple(list_price(tier, meter, currency) for meter in _LIST[tier]),
    )


def _in_minor_units(us_cents: str, currency: str) -> Decimal:
    minor_per_major = Decimal(Money.of(1, currency).minor)
    return Decimal(us_cents) / 100 * _UNITS_PER_USD[currency] * minor_per_major
