"""What may be agreed with a debtor, and who must agree: every role, every boundary."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from billing.arrangements import (
    Arrangement,
    approval_of_exemption,
    approval_of_extension,
    approval_of_payment,
    approval_of_restoration,
    exempted_until,
    last_day_to_promise,
    objection_to_exemption,
    objection_to_extension,
    objection_to_payment,
    objection_to_promise,
    objection_to_restoration,
    promise_until,
)
from billing.authority import Role, may_decide
from billing.calendars import BusinessCalendar
from billing.ladder_moves import anchored, exempted, exemption_over, extended, promise_over, promised
from billing.money import Money
from billing.policy.dunning import DUNNING
from billing.recovery import BY_CUSTOMER, ArrangementOrder
from tests.billing.debtors import DAY, case, day, debt, story

# Monday, 2 March 2026, 10:00 UTC.
NOW = day(0)


@pytest.mark.parametrize(
    ("by_day", "objection"),
    [
        (date(2026, 3, 1), "1 March 2026 is past where the customer is: promise 2 March 2026 or a later day"),
        (date(2026, 3, 2), None),
        (date(2026, 3, 16), None),
        (
            date(2026, 3, 17),
            "17 March 2026 is too far away: promise 16 March 2026 or an earlier day, or extend the grace",
        ),
    ],
)
def test_a_promise_names_a_day_that_is_to_come_and_near(by_day: date, objection: str | None) -> None:
    assert objection_to_promise(case(), by_day, NOW, DUNNING) == objection


def test_the_last_day_to_promise_is_the_last_that_is_taken_and_there_is_none_beside_another_promise() -> None:
    owing, last = case(), date(2026, 3, 16)

    offered = last_day_to_promise(owing, NOW, DUNNING)
    beside_another = last_day_to_promise(promised(owing, last, day(14), NOW), NOW, DUNNING)

    assert (offered, beside_another) == (last, None)
    assert objection_to_promise(owing, last, NOW, DUNNING) is None


@pytest.mark.parametrize("kind", [one for one in Arrangement if one is not Arrangement.PROMISE])
def test_customers_themselves_may_promise_and_nothing_else(kind: Arrangement) -> None:
    with pytest.raises(ValidationError, match="customers may promise to pay, and nothing else"):
        ArrangementOrder(kind=kind, by=BY_CUSTOMER, reason="Please.")


def test_today_is_today_where_the_customer_is() -> None:
    auckland = case(calendar=BusinessCalendar.without_holidays("Pacific/Auckland"))
    evening = datetime(2026, 3, 2, 20, tzinfo=UTC)

    yesterday = objection_to_promise(auckland, date(2026, 3, 2), evening, DUNNING)

    assert yesterday == "2 March 2026 is past where the customer is: promise 3 March 2026 or a later day"
    assert promise_until(auckland, date(2026, 3, 3), evening, DUNNING) == datetime(2026, 3, 3, 11, tzinfo=UTC)


def test_one_promise_at_a_time_and_two_in_a_case() -> None:
    until = day(3)
    waiting = promised(case(), date(2026, 3, 4), until, NOW)
    broken = promise_over(waiting, until)
    twice = promise_over(promised(broken, date(2026, 3, 8), day(6), day(4)), day(6))

    assert objection_to_promise(waiting, date(2026, 3, 6), NOW, DUNNING) == (
        "4 March 2026 is promised already: wait until then, or extend the grace"
    )
    assert objection_to_promise(broken, date(2026, 3, 8), day(4), DUNNING) is None
    assert objection_to_promise(twice, date(2026, 3, 10), day(7), DUNNING) == (
        "2 promises were given in this case and not kept: extend the grace instead"
    )


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Pacific/Auckland", "UTC"])
def test_a_promised_day_counts_to_its_end(zone: str) -> None:
    standing = case(calendar=BusinessCalendar.without_holidays(zone))

    until = promise_until(standing, date(2026, 3, 29), NOW, DUNNING)

    assert until == datetime(2026, 3, 30, tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("days", "given", "objection"),
    [
        (0, 0, "an extension of 0 days changes nothing: give 1 or more"),
        (-3, 0, "an extension of -3 days changes nothing: give 1 or more"),
        (30, 0, None),
        (31, 0, "in one case no tenant is given grace longer by 31 days in all: 30 is the most"),
        (20, 11, "in one case no tenant is given grace longer by 31 days in all: 30 is the most"),
        (19, 11, None),
    ],
)
def test_no_case_is_extended_without_end(days: int, given: int, objection: str | None) -> None:
    standing = extended(case(), given, NOW, DUNNING) if given else case()

    assert objection_to_extension(standing, days, DUNNING) == objection


@pytest.mark.parametrize(
    ("role", "alone", "beyond"),
    [
        (Role.AGENT, 3, Role.LEAD),
        (Role.ACCOUNT_MANAGER, 7, Role.VP),
        (Role.LEAD, 7, Role.VP),
        (Role.FINANCE, 14, Role.VP),
        (Role.ENGINEERING, 0, Role.LEAD),
        (Role.VP, 30, None),
    ],
)
def test_each_role_extends_so_many_days_alone_counted_over_the_case(
    role: Role, alone: int, beyond: Role | None
) -> None:
    for earlier in range(alone):
        before = extended(case(), earlier, NOW, DUNNING) if earlier else case()
        assert approval_of_extension(before, alone - earlier, role, DUNNING) is None

    assert beyond is None or approval_of_extension(case(), alone + 1, role, DUNNING) is beyond


@pytest.mark.parametrize(("days", "approver"), [(4, Role.LEAD), (7, Role.LEAD), (8, Role.VP), (30, Role.VP)])
def test_more_than_an_agents_days_are_approved_by_the_lowest_who_may(days: int, approver: Role) -> None:
    assert approval_of_extension(case(), days, Role.AGENT, DUNNING) is approver


@pytest.mark.parametrize(
    ("until", "approver"),
    [
        (date(2026, 3, 2), Role.LEAD),
        (date(2026, 3, 15), Role.LEAD),
        (date(2026, 3, 16), Role.VP),
        (date(2026, 5, 30), Role.VP),
    ],
)
def test_an_exemption_is_always_approved_and_by_more_the_longer_it_is(until: date, approver: Role) -> None:
    assert approval_of_exemption(case(), until, NOW, DUNNING) is approver
    assert objection_to_exemption(case(), until, NOW, DUNNING) is None


@pytest.mark.parametrize(
    ("until", "objection"),
    [
        (date(2026, 3, 1), "1 March 2026 is past where the customer is: choose today or a later day"),
        (date(2026, 5, 31), "in one case no tenant is exempted for 91 days in all: 90 is the most"),
    ],
)
def test_an_exemption_ends_in_time(until: date, objection: str) -> None:
    assert objection_to_exemption(case(), until, NOW, DUNNING) == objection


def test_exemptions_of_a_case_add_up() -> None:
    running = exempted(case(), day(20), NOW)
    over = exemption_over(running, day(10))

    assert approval_of_exemption(running, date(2026, 3, 15), day(10), DUNNING) is Role.LEAD
    assert approval_of_exemption(running, date(2026, 3, 16), day(10), DUNNING) is Role.VP
    assert approval_of_exemption(over, date(2026, 3, 15), day(10), DUNNING) is Role.LEAD
    assert approval_of_exemption(over, date(2026, 3, 16), day(10), DUNNING) is Role.VP
    assert objection_to_exemption(over, date(2026, 5, 31), day(10), DUNNING) == (
        "in one case no tenant is exempted for 91 days in all: 90 is the most"
    )


@pytest.mark.parametrize(
    ("amount", "objection"),
    [
        (Money.of("120", "USD"), None),
        (Money.of("0.01", "USD"), None),
        (
            Money.of("120.01", "USD"),
            "USD 120.01 is more than is owed on IN-1 (USD 120.00): what is beyond it is a credit",
        ),
        (Money.of("0", "USD"), "a payment of USD 0.00 pays nothing: write what arrived"),
        (Money.of("-1", "USD"), "a payment of USD -1.00 pays nothing: write what arrived"),
        (Money.of("120", "EUR"), "IN-1 is owed in USD: write what arrived in it, not in EUR"),
        (Money.of("120", "JPY"), "IN-1 is owed in USD: write what arrived in it, not in JPY"),
    ],
)
def test_money_that_came_another_way_pays_what_is_owed_and_no_more(amount: Money, objection: str | None) -> None:
    assert objection_to_payment(debt(net=12_000), amount) == objection


def test_a_payment_on_an_invoice_that_is_not_overdue_is_none_of_the_cases_business() -> None:
    assert objection_to_payment(None, Money.of("5", "USD")) == (
        "nothing is overdue on this invoice, so no payment is missing"
    )
    assert approval_of_payment() is Role.FINANCE


@pytest.mark.parametrize("role", Role)
def test_service_is_given_back_by_leads_finance_and_the_vp_and_by_others_with_a_lead(role: Role) -> None:
    alone = role in (Role.LEAD, Role.FINANCE, Role.VP)

    assert approval_of_restoration(role) is (None if alone else Role.LEAD)


@pytest.mark.parametrize(("reached", "limited"), [(0, False), (5, False), (7, True), (12, True), (20, True)])
def test_only_limited_service_can_be_given_back(reached: float, limited: bool) -> None:
    objection = objection_to_restoration(story(until=reached).standing)

    assert objection == (None if limited else "nothing is limited for this debt, so there is nothing to give back")


def test_nothing_is_agreed_on_when_nothing_is_owed_or_the_data_is_about_to_go() -> None:
    paid = anchored(case(), [], NOW, DUNNING)
    gone, then = story(until=105).standing, day(105)
    today = date(2026, 6, 15)

    settled = [
        objection_to_promise(paid, date(2026, 3, 4), NOW, DUNNING),
        objection_to_extension(paid, 3, DUNNING),
        objection_to_exemption(paid, date(2026, 3, 4), NOW, DUNNING),
    ]
    too_late = [
        objection_to_promise(gone, today, then, DUNNING),
        objection_to_extension(gone, 3, DUNNING),
        objection_to_exemption(gone, today, then, DUNNING),
        objection_to_restoration(gone),
    ]

    assert set(settled) == {"nothing is owed any more, so there is nothing to agree on"}
    assert set(too_late) == {
        "the data of this tenant waits to be deleted: only a payment, a credit or a legal hold keeps it"
    }


def test_every_approver_may_decide_what_it_is_asked() -> None:
    approvers = {approval_of_extension(case(), days, Role.AGENT, DUNNING) for days in range(1, 31)} - {None}

    assert all(may_decide(Role.VP, approver) for approver in approvers if approver)


def test_in_the_sandbox_a_promised_day_takes_as_long_as_its_days_do() -> None:
    fast = DUNNING.accelerated(1_800)

    until = promise_until(case(policy=fast), date(2026, 3, 4), NOW, fast)
    exempt = exempted_until(case(policy=fast), date(2026, 3, 2), NOW, fast)

    assert until - NOW == 3 * DAY / 1_800
    assert exempt - NOW == timedelta(seconds=48)
