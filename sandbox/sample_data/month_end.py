"""What the month end of October 2026 finds: whom the system before had billed already, and on what terms the others are.

Two customers keep it from passing by itself: one has no address, one has moved to a far larger plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billing.contracts import Contract, FixedDiscount, PercentDiscount, RecurringFee, Tax, Terms, Timing
from billing.money import Money
from billing.periods import local_midnight
from billing.prices import MeterPrice, PriceTier, Scheme
from billing.tenants import Tenant, Tier
from sandbox.sample_data.catalogue import list_terms

PERIOD = "2026-10"
FROM = date(2026, 10, 1)
UPGRADED_ON = date(2026, 10, 16)

# Their October was issued by the system that was in use before; the disputes and the planted defects are about these.
BILLED_BEFORE = frozenset(
    {
        "quillmere", "tarnwick", "ostrafell", "kumosora", "haverquist", "lumenthorpe", "suryakosh", "brackenfield",
        "feldmarkt", "ravelstone", "velliano", "grauwald", "aonami", "montclavier", "northfen", "polderzicht",
    }
)  # fmt: skip

# Parked until somebody puts the address on record.
WITHOUT_ADDRESS = "islaverde"
# Far above its usual month, and rightly so: finance has to look.
MOVED_UP = "vandrani"

_VAT = {"DE": "0.19", "AT": "0.20", "IE": "0.23", "IT": "0.22", "FR": "0.20", "ES": "0.21", "NL": "0.21"}
_CONSUMPTION_TAX = Tax(name="Consumption tax", rate=Decimal("0.10"))


@dataclass(frozen=True)
class LegalEntity:
    """One of the two companies that issue invoices."""

    entity_id: str
    name: str
    address: str
    country: str
    tax_id: str
    email: str
    bank_details: str
    number_prefix: str


EUROPE = LegalEntity(
    "provider-europe", "Provider Europe GmbH", "Speicherstraße 12\n20457 Hamburg", "Germany", "DE 304 118 220",
    "billing@provider.example", "IBAN DE02 1203 0000 0000 2020 51", "PEU",
)  # fmt: skip
AMERICA = LegalEntity(
    "provider-inc", "Provider Inc.", "410 Terminal Avenue\nPortland, OR 97209", "United States", "93-1184420",
    "billing@provider.example", "ACH 123000848, account 2020510077", "PIN",
)  # fmt: skip


def issuer_of(tenant: Tenant) -> LegalEntity:
    """Euros are billed by the European company."""
    return EUROPE if tenant.currency == "EUR" else AMERICA


def address_of(tenant: Tenant) -> str | None:
    """An invented address; one customer has none on record."""
    if tenant.tenant_id == WITHOUT_ADDRESS:
        return None
    return f"Accounts Payable\n{sum(map(ord, tenant.tenant_id)) % 180 + 1} {tenant.name.split()[0]} Street"


def october_contracts(tenant: Tenant) -> list[Contract]:
    """What is agreed from October on where it differs from the list; nobody whose October is billed already."""
    if tenant.tenant_id in BILLED_BEFORE or tenant.tier is Tier.FREE:
        return []
    begins = [(FROM, _terms(tenant))]
    if tenant.tenant_id == "birchhollow":
        begins.append((UPGRADED_ON, _upgraded(tenant)))
    return [
        Contract(
            contract_id=f"{tenant.tenant_id}-{first:%Y-%m-%d}",
            tenant_id=tenant.tenant_id,
            starts=local_midnight(first, tenant.zone),
            ends=local_midnight(end, tenant.zone) if end else None,
            terms=terms,
        )
        for (first, terms), end in zip(begins, [*(day for day, _ in begins[1:]), None], strict=True)
    ]


def _terms(tenant: Tenant) -> Terms:
    """The list with tax, and for some what sets their contract apart."""
    taxed = list_terms(tenant.tier, tenant.currency).model_copy(update={"tax": _tax(tenant)})
    match tenant.tenant_id:
        case "pellingrove":
            framework = PercentDiscount(name="Framework discount", percent=Decimal(10))
            return taxed.model_copy(update={"discounts": (framework,), "minimum_minor": 400_000})
        case "dunmorrow":
            in_advance = tuple(fee.model_copy(update={"timing": Timing.ADVANCE}) for fee in taxed.fees)
            return taxed.model_copy(update={"fees": in_advance})
        case "coppervane":
            return _with_price(taxed, _by_volume("api_calls"))
        case "kestrelbay":
            return _with_price(taxed, _in_packages("api_calls"))
        case "tsukihara":
            welcome = FixedDiscount(name="Welcome credit", amount_minor=3_000)
            return taxed.model_copy(update={"fixed_discounts": (welcome,)})
        case "vandrani":
            larger = RecurringFee(name="Scale plan", amount_minor=Money.of(1_900, tenant.currency).minor)
            return taxed.model_copy(update={"fees": (larger,)})
        case _:
            return taxed


def _upgraded(tenant: Tenant) -> Terms:
    """The larger plan: a higher fee, cheaper calls."""
    terms = _terms(tenant)
    fee = RecurringFee(name="Team plan", amount_minor=Money.of(249, tenant.currency).minor)
    return _with_price(terms.model_copy(update={"fees": (fee,)}), _by_volume("api_calls"))


def _by_volume(meter: str) -> MeterPrice:
    tiers = (
        PriceTier(up_to=Decimal(20_000), unit_amount=Decimal("2.6")),
        PriceTier(up_to=Decimal(80_000), unit_amount=Decimal("2.1")),
        PriceTier(unit_amount=Decimal("1.7")),
    )
    return MeterPrice(meter=meter, included=Decimal(2_000), scheme=Scheme.VOLUME, tiers=tiers)


def _in_packages(meter: str) -> MeterPrice:
    tiers = (PriceTier(unit_amount=Decimal(2_200)),)
    return MeterPrice(
        meter=meter, scheme=Scheme.PACKAGES, tiers=tiers, package_size=Decimal(1_000), maximum_minor=250_000
    )


def _with_price(terms: Terms, price: MeterPrice) -> Terms:
    prices = tuple(price if known.meter == price.meter else known for known in terms.prices)
    return terms.model_copy(update={"prices": prices})


def _tax(tenant: Tenant) -> Tax | None:
    if tenant.country in _VAT:
        return Tax(name="VAT", rate=Decimal(_VAT[tenant.country]))
    return _CONSUMPTION_TAX if tenant.country == "JP" else None
