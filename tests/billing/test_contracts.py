"""What cannot be agreed: each refusal names the field, so that a wrong contract is never written (and never billed)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from billing.contracts import Contract, Pause, RecurringFee, Terms
from tests.billing.agreements import fee, held, local, percent_off, tax, terms
from tests.billing.world import METER, price, tier


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"currency": "XXX"}, "currency 'XXX' is not one we bill in"),
        ({"fees": [{"name": "Platform", "amount_minor": -1}]}, "fees.0.amount_minor"),
        ({"fees": [{"name": "", "amount_minor": 1}]}, "fees.0.name"),
        ({"fees": [{"name": "Platform", "amount_minor": 1, "timing": "sometimes"}]}, "fees.0.timing"),
        (
            {"fees": [{"name": "Platform", "amount_minor": 1}] * 2},
            r"terms name a fee twice: \['Platform', 'Platform'\]",
        ),
        ({"fees": [{"name": "Platform", "amount": 1}]}, "fees.0.amount\n"),
        ({"discounts": [{"name": "Half", "percent": "100.01"}]}, "discounts.0.percent"),
        ({"discounts": [{"name": "Half", "percent": "0"}]}, "discounts.0.percent"),
        ({"discounts": [{"name": "Half", "percent": "0.00001"}]}, "discounts.0.percent"),
        (
            {"discounts": [{"name": "Half", "percent": "50", "meters": ["gpu_hours"]}]},
            "discount Half is on gpu_hours, which the terms do not price",
        ),
        ({"fixed_discounts": [{"name": "Credit", "amount_minor": 0}]}, "fixed_discounts.0.amount_minor"),
        ({"minimum_minor": -1}, "minimum_minor"),
        ({"tax": {"name": "VAT", "rate": "1"}}, "tax.rate"),
        ({"tax": {"name": "VAT", "rate": "-0.1"}}, "tax.rate"),
        ({"prices": [{"meter": METER, "tiers": [{"up_to": "10", "unit_amount": "1"}]}]}, "prices.0"),
    ],
)
def test_terms_that_make_no_bill_are_refused_by_their_field(parts: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Terms.model_validate({"currency": "USD"} | parts)


def tiers_to(*bounds: int | None) -> list[dict[str, Any]]:
    return [{"unit_amount": "1"} | ({} if bound is None else {"up_to": bound}) for bound in bounds]


@pytest.mark.parametrize(
    ("tiers", "field", "words"),
    [
        ([], "tiers", "at least 1 item"),
        (tiers_to(100), "tiers", "the last must be open"),
        (tiers_to(100, 200), "tiers", "the last must be open"),
        (tiers_to(100, None, None), "tiers", "every tier but the last needs up_to"),
        (tiers_to(200, 100, None), "tiers", "up_to must climb, got ['200', '100']"),
        (tiers_to(100, 100, None), "tiers", "up_to must climb, got ['100', '100']"),
        ([{"from": 0, "up_to": 100, "unit_amount": "1"}, *tiers_to(None)], "tiers.0.from", "Extra inputs"),
        (tiers_to(-1, None), "tiers.0.up_to", "greater than 0"),
    ],
)
def test_gaps_and_overlaps_of_tiers_are_refused_when_a_contract_is_written(
    tiers: list[dict[str, Any]], field: str, words: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        Contract.model_validate(
            {
                "contract_id": "K-1",
                "tenant_id": "acme",
                "starts": local("2026-11-01"),
                "terms": {"currency": "USD", "prices": [{"meter": METER, "tiers": tiers}]},
            }
        )

    (error,) = refused.value.errors()
    assert ".".join(map(str, error["loc"])) == f"terms.prices.0.{field}"
    assert words in error["msg"]


def test_a_meter_has_one_price() -> None:
    with pytest.raises(ValidationError, match=r"terms name a meter twice: \['api_calls', 'api_calls'\]"):
        terms(prices=(price(), price(tier(None, "2"))))


def test_a_contract_ends_after_it_starts() -> None:
    with pytest.raises(ValidationError, match=r"contract K-1 ends .* which is not after its start"):
        held(terms(), "2026-11-01", "2026-11-01")


def test_a_contract_says_in_which_zone_it_starts() -> None:
    naive = local("2026-11-01").replace(tzinfo=None)

    with pytest.raises(ValidationError, match="starts"):
        Contract(contract_id="K-1", tenant_id="acme", starts=naive, terms=terms())


@pytest.mark.parametrize("end", [date(2026, 11, 1), date(2026, 10, 31)])
def test_a_pause_ends_after_it_begins(end: date) -> None:
    with pytest.raises(ValidationError, match="pause from 2026-11-01 must end after that day"):
        Pause(first=date(2026, 11, 1), end=end)


def test_equal_terms_have_one_hash_and_any_difference_another() -> None:
    agreed = terms(fee(1_000), prices=(price(),), discounts=(percent_off("10"),), tax=tax("0.19"))
    same = Terms.model_validate_json(agreed.model_dump_json())
    others = [
        agreed.model_copy(update=change)
        for change in (
            {"currency": "EUR"},
            {"fees": (RecurringFee(name="Platform", amount_minor=1_001),)},
            {"prices": (price(tier(None, "1.00000001")),)},
            {"discounts": ()},
            {"minimum_minor": 0},
            {"tax": tax("0.190001")},
        )
    ]

    assert same == agreed
    assert same.sha256() == agreed.sha256()
    assert len({one.sha256() for one in (agreed, *others)}) == 7


def test_terms_cannot_be_changed() -> None:
    agreed = terms(fee(1_000))

    with pytest.raises(ValidationError, match="frozen"):
        agreed.minimum_minor = 1  # type: ignore[misc]


def test_a_price_that_was_agreed_is_found_by_its_meter() -> None:
    agreed = held(terms(prices=(price(), price(tier(None, "3"), meter="storage_gb"))))

    found = agreed.price_of("storage_gb")

    assert found is not None
    assert found.tiers[0].unit_amount == Decimal(3)
    assert agreed.price_of("gpu_hours") is None
