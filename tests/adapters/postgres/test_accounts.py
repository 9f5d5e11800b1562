"""Customers and contracts as people change them: what is billed stays, and each change says who made it and why."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier

import pytest
from sqlalchemy import text

from adapters.postgres.accounts import Accounts
from billing.accounts import Agreement, Customer, CustomerChange, Subject
from billing.contracts import RecurringFee, Terms
from billing.failures import BillingFailure, FailureCode
from billing.periods import local_midnight
from billing.prices import MeterPrice, PriceTier
from tests.adapters.postgres.company import ACME, API_CALLS, NOON, Company

DECEMBER, JANUARY = date(2026, 12, 1), date(2027, 1, 1)
FLAT = Terms(currency="USD", fees=(RecurringFee(name="Platform", amount_minor=100_00),), prices=(API_CALLS,))
DEARER = Terms(currency="USD", fees=(RecurringFee(name="Platform", amount_minor=120_00),), prices=(API_CALLS,))


@pytest.fixture
def accounts(company: Company) -> Accounts:
    company.run("delete from contracts where tenant_id = 'acme'")
    return Accounts(company.engine)


def agree(accounts: Accounts, terms: Terms, first: date, end: date | None = None) -> str:
    agreement = Agreement(tenant_id="acme", terms=terms, first=first, end=end)
    return accounts.agree(agreement, "finance-1@ops.example", "signed", NOON).contract_id


def days(accounts: Accounts) -> list[tuple[str, Terms, object]]:
    return [(one.contract_id, one.terms, one.ends) for one in accounts.contracts("acme")]


def test_new_terms_hold_from_local_midnight_and_end_the_old_ones_there(accounts: Accounts) -> None:
    agree(accounts, FLAT, DECEMBER)

    agree(accounts, DEARER, JANUARY)

    midnight = local_midnight(JANUARY, ACME.zone)
    assert midnight.hour == 5  # New York in winter
    assert days(accounts) == [("acme-2026-12-01", FLAT, midnight), ("acme-2027-01-01", DEARER, None)]


def test_terms_for_the_same_day_replace_each_other_while_nothing_is_billed(accounts: Accounts) -> None:
    agree(accounts, FLAT, DECEMBER)

    agree(accounts, DEARER, DECEMBER)

    assert days(accounts) == [("acme-2026-12-01", DEARER, None)]
    newest, first = accounts.history("acme", 10)
    assert (newest.before or {})["terms"]["fees"][0]["amount_minor"] == 100_00
    assert newest.after["terms"]["fees"][0]["amount_minor"] == 120_00
    assert (first.before, first.by, first.reason, first.subject) == (
        None, "finance-1@ops.example", "signed", Subject.CONTRACT,
    )  # fmt: skip


def test_terms_agreed_before_a_later_contract_end_where_it_begins(accounts: Accounts) -> None:
    agree(accounts, DEARER, JANUARY)

    agree(accounts, FLAT, DECEMBER)

    assert days(accounts)[0] == ("acme-2026-12-01", FLAT, local_midnight(JANUARY, ACME.zone))


def test_days_that_are_billed_keep_their_terms(accounts: Accounts) -> None:
    before = days(accounts)

    with pytest.raises(BillingFailure, match="the days before 2026-11-01 are billed already") as refused:
        agree(accounts, DEARER, date(2026, 10, 31))
    agree(accounts, DEARER, date(2026, 11, 1))

    assert refused.value.code is FailureCode.CONFLICT
    assert [row[0] for row in days(accounts)] == [*(row[0] for row in before), "acme-2026-11-01"]


@pytest.mark.parametrize(
    ("terms", "code", "words"),
    [
        (FLAT.model_copy(update={"currency": "EUR"}), FailureCode.INVALID, "currency EUR: acme is billed in USD"),
        (
            Terms(currency="USD", prices=(MeterPrice(meter="sprockets", tiers=(PriceTier(unit_amount=1),)),)),
            FailureCode.INVALID,
            "sprockets, which is no meter: use one of",
        ),
    ],
)
def test_terms_that_could_not_be_billed_are_refused_when_they_are_written(
    accounts: Accounts, terms: Terms, code: FailureCode, words: str
) -> None:
    with pytest.raises(BillingFailure, match=words) as refused:
        agree(accounts, terms, DECEMBER)

    assert (refused.value.code, days(accounts), accounts.history("acme", 10)) == (code, [], [])


def test_terms_that_reach_into_a_later_contract_are_refused(accounts: Accounts) -> None:
    agree(accounts, DEARER, JANUARY)

    with pytest.raises(BillingFailure, match="contract acme-2027-01-01 begins on 2027-01-01"):
        agree(accounts, FLAT, DECEMBER, end=JANUARY + timedelta(days=1))

    assert [row[0] for row in days(accounts)] == ["acme-2027-01-01"]


def test_a_contract_ends_before_the_day_it_is_told_and_only_once(accounts: Accounts) -> None:
    agree(accounts, FLAT, DECEMBER)

    accounts.end("acme", JANUARY, "finance-1@ops.example", "cancelled", NOON)

    assert days(accounts) == [("acme-2026-12-01", FLAT, local_midnight(JANUARY, ACME.zone))]
    with pytest.raises(BillingFailure, match="acme has no contract without an end"):
        accounts.end("acme", JANUARY, "finance-1@ops.example", "cancelled", NOON)


def test_people_who_agree_at_once_leave_one_contract_a_day(accounts: Accounts) -> None:
    start, firsts = Barrier(8), [DECEMBER, JANUARY] * 4

    def at_once(first: date) -> str:
        start.wait()
        return agree(accounts, FLAT, first)

    with ThreadPoolExecutor(8) as people:
        list(people.map(at_once, firsts))

    assert [row[0] for row in days(accounts)] == ["acme-2026-12-01", "acme-2027-01-01"]
    assert days(accounts)[0][2] == local_midnight(JANUARY, ACME.zone)


def test_a_change_of_a_customer_writes_what_is_new_and_says_how_it_read(accounts: Accounts) -> None:
    change = CustomerChange(address="Main Street 1", country="US", billing_email="bills@acme.example")

    made = accounts.change("acme", change, "finance-1@ops.example", "they moved", NOON)

    assert accounts.customer("acme").address == "Main Street 1"
    assert made.after == {"address": "Main Street 1", "billing_email": "bills@acme.example"}
    assert made.before == {"address": None, "billing_email": ACME.billing_email}
    assert accounts.history("acme", 10) == [made]
    with pytest.raises(BillingFailure, match="reads like that already"):
        accounts.change("acme", change, "finance-1@ops.example", "they moved", NOON)


def test_a_new_customer_can_be_found_and_is_brought_in_once(accounts: Accounts) -> None:
    new = Customer.model_validate(ACME.model_dump() | {"tenant_id": "zebra", "provider_customer_id": "cus_zebra"})

    accounts.add(new, "finance-1@ops.example", "signed", NOON)

    assert accounts.customer("zebra") == new
    assert [one.tenant_id for one in accounts.customers("acme", 100)][-1] == "zebra"
    with pytest.raises(BillingFailure, match="customer zebra is in the books already"):
        accounts.add(new, "finance-1@ops.example", "signed", NOON)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (CustomerChange(legal_entity_id="nobody"), "legal entity nobody is none of ours"),
        (
            CustomerChange(provider_customer_id="cus_other"),
            "cus_other at the payment provider is customer other already",
        ),
    ],
)
def test_a_change_that_leads_nowhere_is_refused(
    accounts: Accounts, company: Company, change: CustomerChange, words: str
) -> None:
    other = Customer.model_validate(ACME.model_dump() | {"tenant_id": "other", "provider_customer_id": "cus_other"})
    accounts.add(other, "finance-1@ops.example", "signed", NOON)

    with pytest.raises(BillingFailure, match=words):
        accounts.change("acme", change, "finance-1@ops.example", "a mistake", NOON)

    assert accounts.history("acme", 10) == []


def test_an_unknown_customer_is_named_with_where_to_look(accounts: Accounts) -> None:
    with pytest.raises(BillingFailure, match="there is no customer nobody: `runbooks customer list`") as refused:
        accounts.customer("nobody")

    assert refused.value.code is FailureCode.NOT_FOUND


def test_the_application_may_add_changes_and_rewrite_none(company: Company) -> None:
    with company.engine.connect() as connection:
        may = text("select has_table_privilege('runbooks_app', 'account_changes', :what)")
        rights = [connection.execute(may, {"what": what}).scalar_one() for what in ("insert", "update", "delete")]

    assert rights == [True, False, False]
