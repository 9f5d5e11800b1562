from __future__ import annotations

import pytest

from billing.analysis.pricing import findings
from billing.findings import FindingKind
from billing.money import CurrencyMismatchError
from tests.billing.world import METER, contract, invoice, price, tier, usage_line

AGREED = price(tier("1000", "2"), tier(None, "1"), included="100")


def test_a_line_rated_as_the_contract_says_has_no_finding() -> None:
    found = findings(contract(AGREED), invoice(usage_line(AGREED, "5000")), [METER])

    assert found == []


def test_a_price_written_with_more_zeros_is_the_same_price() -> None:
    same = price(tier("1000.00", "2.0000"), tier(None, "1.000"), included="100.0")

    found = findings(contract(AGREED), invoice(usage_line(same, "5000")), [METER])

    assert found == []


@pytest.mark.parametrize(
    ("applied", "in_words"),
    [
        (
            price(tier("1000", "3"), tier(None, "1"), included="100"),
            "100 units included, then USD 0.03 a unit up to 1,000, then USD 0.01 a unit",
        ),
        (price(tier("1000", "2"), tier(None, "1")), "USD 0.02 a unit up to 1,000, then USD 0.01 a unit"),
        (
            price(tier("900", "2"), tier(None, "1"), included="100"),
            "100 units included, then USD 0.02 a unit up to 900, then USD 0.01 a unit",
        ),
        (
            price(tier(None, "2", 500), included="100"),
            "100 units included, then USD 0.02 a unit plus USD 5.00",
        ),
    ],
)
def test_a_wrong_rate_tier_allowance_or_fee_is_a_wrong_rate(applied: object, in_words: str) -> None:
    found = findings(contract(AGREED), invoice(usage_line(applied, "5000")), [METER])  # type: ignore[arg-type]

    assert [(finding.kind, finding.conclusive, finding.correct_price) for finding in found] == [
        (FindingKind.WRONG_RATE, True, AGREED)
    ]
    assert found[0].statement == (
        f"api_calls was billed at {in_words}; "
        "the contract says 100 units included, then USD 0.02 a unit up to 1,000, then USD 0.01 a unit."
    )


def test_a_meter_without_a_contract_price_needs_a_person() -> None:
    found = findings(contract(price(meter="storage_gb")), invoice(usage_line(AGREED, "5000")), [METER])

    assert [(finding.kind, finding.conclusive, finding.correct_price) for finding in found] == [
        (FindingKind.WRONG_RATE, False, None)
    ]


def test_an_amount_that_its_own_price_does_not_give_is_a_wrong_rate() -> None:
    found = findings(contract(AGREED), invoice(usage_line(AGREED, "5000", amount_minor=6_000)), [METER])

    assert [(finding.conclusive, finding.correct_price) for finding in found] == [(True, AGREED)]
    assert found[0].statement == (
        "5,000 units of api_calls were billed with USD 60.00; at the contract's price they cost USD 59.00."
    )


@pytest.mark.parametrize(("billed", "outcome"), [(5_900, []), (6_000, [False])])
def test_a_line_that_kept_no_price_is_compared_by_amount_and_never_conclusive(billed: int, outcome: list[bool]) -> None:
    forgetful = usage_line(AGREED, "5000", amount_minor=billed).model_copy(update={"applied_price": None})

    found = findings(contract(AGREED), invoice(forgetful), [METER])

    assert [finding.conclusive for finding in found] == outcome


def test_a_meter_that_was_not_billed_cannot_be_billed_at_a_wrong_rate() -> None:
    found = findings(contract(AGREED), invoice(usage_line(price(meter="storage_gb"), "5")), [METER])

    assert found == []


def test_prices_of_another_currency_are_never_compared() -> None:
    with pytest.raises(CurrencyMismatchError, match=r"contract K-1 is in EUR, invoice INV-2026-10-0001 in USD"):
        findings(contract(AGREED, currency="EUR"), invoice(usage_line(AGREED, "5000")), [METER])


def test_a_price_of_a_part_of_the_period_may_be_another_contracts_and_is_for_a_person_to_judge() -> None:
    earlier = usage_line(price(tier(None, "2")), "100").model_copy(update={"active_days": 10, "period_days": 31})

    found = findings(contract(price()), invoice(earlier), [METER])

    assert [(finding.kind, finding.conclusive) for finding in found] == [(FindingKind.WRONG_RATE, False)]


def test_a_part_of_a_period_at_the_agreed_price_is_right_although_its_allowance_is_shorter() -> None:
    agreed = price(included="310")
    line = usage_line(agreed, "150", amount_minor=50).model_copy(update={"active_days": 10, "period_days": 31})

    assert findings(contract(agreed), invoice(line), [METER]) == []
