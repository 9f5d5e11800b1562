"""Which contract a contested month is compared with, when contracts start, end and change within it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from activities.investigation import contract_for
from billing.failures import BillingFailure, FailureCode
from tests.adapters.postgres.company import ACME, Company, contract

TENTH, TWENTIETH = datetime(2026, 10, 10, 4, tzinfo=UTC), datetime(2026, 10, 20, 4, tzinfo=UTC)


def test_the_contract_at_the_end_of_the_month_counts(company: Company) -> None:
    company.tenants.agree(contract(ends=TENTH))
    company.tenants.agree(contract(contract_id="C-2", starts=TENTH))

    assert contract_for(company.tenants, ACME, "2026-10").contract_id == "C-2"
    assert contract_for(company.tenants, ACME, "2026-09").contract_id == "C-acme-1"


def test_a_contract_that_ended_within_the_month_still_counts_for_it(company: Company) -> None:
    company.tenants.agree(contract(ends=TWENTIETH))

    assert contract_for(company.tenants, ACME, "2026-10").contract_id == "C-acme-1"


def test_a_contract_that_started_within_the_month_counts_for_it(company: Company) -> None:
    company.tenants.agree(contract(starts=TENTH))

    assert contract_for(company.tenants, ACME, "2026-10").starts == TENTH


def test_a_month_without_a_contract_is_refused_by_its_name(company: Company) -> None:
    company.tenants.agree(contract(ends=TENTH))

    with pytest.raises(BillingFailure, match="tenant acme has no contract for 2026-11: record one") as refused:
        contract_for(company.tenants, ACME, "2026-11")

    assert refused.value.code is FailureCode.NOT_FOUND
