"""Random but lawful prices, quantities and amounts for the properties."""

from __future__ import annotations

from decimal import Decimal
from itertools import accumulate

from hypothesis import strategies as st

from billing.money import MINOR_UNIT_PLACES
from billing.prices import MeterPrice, PriceTier
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
