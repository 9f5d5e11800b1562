"""Putting contracts on record: what many share is kept once, and what cannot be billed is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier

import pytest

from billing.contracts import FixedDiscount, Pause, PercentDiscount, RecurringFee, Tax, Terms, Timing
from billing.failures import BillingFailure, FailureCode
from billing.prices import MeterPrice, PriceTier
from tests.adapters.postgres.company import API_CALLS, NOON, Company, contract

EVERYTHING = Terms(
    currency="USD",
    fees=(RecurringFee(name="Platform", amount_minor=100_00, timing=Timing.ADVANCE),),
    prices=(API_CALLS,),
    discounts=(PercentDiscount(name="Loyalty", percent="12.5", meters=("api_calls",)),),
    fixed_discounts=(FixedDiscount(name="Credit", amount_minor=5_00),),
    minimum_minor=50_00,
    tax=Tax(name="VAT", rate="0.19"),
)


def kept(company: Company) -> tuple[int, int]:
    """How many terms and prices the dictionaries hold."""
    rows = company.rows(
        "select (select count(*) from contract_terms) as terms, (select count(*) from prices) as prices"
    )
    return rows[0]["terms"], rows[0]["prices"]


def test_a_contract_reads_as_it_was_agreed(company: Company) -> None:
    agreed = contract(terms=EVERYTHING, pauses=(Pause(first=date(2026, 10, 5)),))

    company.tenants.agree(agreed)

    assert company.tenants.contract("acme", NOON) == agreed
    assert company.tenants.contracts("acme") == (agreed,)
    assert company.tenants.contracts("nobody") == ()


def test_terms_and_prices_that_many_contracts_share_are_kept_once(company: Company) -> None:
    before = kept(company)
    for number in range(3):
        starts = NOON + timedelta(days=10 * number)
        company.tenants.agree(
            contract(contract_id=f"C-{number}", starts=starts, ends=starts + timedelta(days=10), terms=EVERYTHING)
        )

    assert kept(company) == (before[0] + 1, before[1])
    assert [one.contract_id for one in company.tenants.contracts("acme")][1:] == ["C-0", "C-1", "C-2"]


def test_a_contract_agreed_again_says_what_it_says_now_and_its_old_terms_stay(company: Company) -> None:
    company.tenants.agree(contract(terms=EVERYTHING))
    before = kept(company)

    company.tenants.agree(contract(terms=EVERYTHING.model_copy(update={"minimum_minor": None})))

    assert [one.terms.minimum_minor for one in company.tenants.contracts("acme")] == [None]
    assert kept(company) == (before[0] + 1, before[1])


def test_the_same_terms_agreed_at_once_are_kept_once(company: Company) -> None:
    before, together = kept(company), Barrier(8)

    def agree(number: int) -> None:
        starts = NOON + timedelta(days=10 * number)
        agreed = contract(contract_id=f"C-{number}", starts=starts, ends=starts + timedelta(days=10), terms=EVERYTHING)
        together.wait()
        company.tenants.agree(agreed)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(agree, range(8)))

    assert kept(company) == (before[0] + 1, before[1])
    assert len(company.tenants.contracts("acme")) == 9


def test_a_price_of_a_meter_that_does_not_exist_is_refused_by_name(company: Company) -> None:
    misspelt = MeterPrice(meter="api_call", tiers=(PriceTier(unit_amount="1"),))

    with pytest.raises(BillingFailure, match="contract C-acme-1 prices api_call, which is no meter") as refused:
        company.tenants.agree(contract(terms=Terms(currency="USD", prices=(misspelt,))))

    assert refused.value.code is FailureCode.INVALID
    assert company.tenants.contracts("acme") == (contract(),)


def test_a_second_contract_without_an_end_is_refused(company: Company) -> None:
    with pytest.raises(BillingFailure, match="contracts") as refused:
        company.tenants.agree(contract(contract_id="C-2", starts=NOON))

    assert refused.value.code is FailureCode.CONFLICT
