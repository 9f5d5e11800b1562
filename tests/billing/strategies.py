"""Random but lawful prices, quantities and amounts for the properties."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import accumulate

from hypothesis import strategies as st

from billing.money import MINOR_UNIT_PLACES
from billing.prices import MeterPrice, PriceTier, Scheme
from tests.billing.world import METER

CURRENCIES = sorted(MINOR_UNIT_PLACES)


def quantities(most: int = 10_000_000) -> st.SearchStrategy[Decimal]:
    """Quantities as the database holds them: zero or more, six decimal places."""
    return st.decimals(min_value=0, max_value=most, places=6)


@st.composite
def meter_prices(draw: st.DrawFn, meter: str = METER) -> MeterPrice:
    widths = draw(st.lists(st.decimals(min_value=1, max_value=1_000_000, places=2), max_size=4))
    bounds: list[Decimal | None] = [*accumulate(widths), None]
    tiers = tuple(
        PriceTier(
            up_to=bound,
            unit_amount=draw(st.decimals(min_value=0, max_value=500, places=8)),
            flat_minor=draw(st.integers(min_value=0, max_value=5_000)),
        )
        for bound in bounds
    )
    return MeterPrice(meter=meter, included=draw(quantities(100_000)), tiers=tiers)


@st.composite
def any_prices(draw: st.DrawFn, meter: str = METER) -> MeterPrice:
    """Every scheme, with a package size where there must be one, and a least and a most that agree."""
    plain = draw(meter_prices(meter))
    scheme = draw(st.sampled_from(Scheme))
    packaged = scheme is Scheme.PACKAGES
    least, most = sorted(draw(st.tuples(*[st.integers(min_value=0, max_value=1_000_000)] * 2)))
    return MeterPrice(
        meter=meter,
        included=plain.included,
        scheme=scheme,
        tiers=tuple(_whole(plain.tiers) if packaged else plain.tiers),
        package_size=draw(st.decimals(min_value=Decimal("0.5"), max_value=5_000, places=3)) if packaged else None,
        minimum_minor=draw(st.none() | st.just(least)),
        maximum_minor=draw(st.none() | st.just(most)),
    )


def _whole(tiers: Sequence[PriceTier]) -> Iterator[PriceTier]:
    """Tiers of packages, which end with a whole package."""
    for place, tier in enumerate(tiers):
        bound = None if tier.up_to is None else Decimal(int(tier.up_to) + place)
        yield tier.model_copy(update={"up_to": bound})
