from __future__ import annotations

from decimal import Decimal

import pytest
from pydantic import ValidationError

from billing.prices import MeterPrice, PriceTier
from tests.billing.world import METER, contract, price, tier


@pytest.mark.parametrize(
    ("tiers", "complaint"),
    [
        ([], "at least 1 item"),
        ([tier("100", "1")], "the last must be open"),
        ([tier(None, "1"), tier(None, "2")], "every tier but the last needs up_to"),
        ([tier("100", "1"), tier("100", "2"), tier(None, "3")], "up_to must climb"),
        ([tier("100", "1"), tier("50", "2"), tier(None, "3")], "up_to must climb"),
    ],
)
def test_tiers_climb_without_a_gap_or_an_end(tiers: list[PriceTier], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        MeterPrice(meter=METER, tiers=tuple(tiers))


@pytest.mark.parametrize(
    "tier_of_nonsense",
    [
        {"up_to": Decimal(0), "unit_amount": Decimal(1)},
        {"unit_amount": Decimal(-1)},
        {"unit_amount": Decimal("0.000000001")},
        {"unit_amount": Decimal("NaN")},
        {"unit_amount": Decimal(1), "flat_minor": -1},
    ],
)
def test_a_tier_cannot_hold_a_price_that_no_bill_can_show(tier_of_nonsense: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PriceTier.model_validate(tier_of_nonsense)


def test_a_contract_prices_each_meter_once() -> None:
    with pytest.raises(ValidationError, match="terms name a meter twice"):
        contract(price(), price(tier(None, "2")))


def test_a_contract_knows_its_prices_and_only_those() -> None:
    agreed = contract(price(), price(meter="storage_gb"))

    assert agreed.price_of("storage_gb") == price(meter="storage_gb")
    assert agreed.price_of("gpu_hours") is None
