"""What many cases pin alike is one object in a worker's memory, and what they pin differently stays apart."""

from datetime import UTC, datetime

from billing.calendars import BusinessCalendar
from billing.policy.bundle import Policy
from billing.policy.standard import STANDARD
from billing.recovery import OpenedDelinquency


def opened(policy: Policy = STANDARD, zone: str = "UTC") -> OpenedDelinquency:
    calendar = BusinessCalendar.without_holidays(zone)
    now = datetime(2026, 11, 21, 9, tzinfo=UTC)
    return OpenedDelinquency(case_id="delinquency/t-1/1", episode=1, opened_at=now, policy=policy, calendar=calendar)


def test_cases_that_were_opened_under_the_same_policy_keep_it_once() -> None:
    read = [OpenedDelinquency.model_validate_json(opened().model_dump_json()) for _ in range(2)]

    policies, calendars = [one.policy for one in read], [one.calendar for one in read]

    assert policies[0] is policies[1] and calendars[0] is calendars[1]
    assert policies[0] == STANDARD


def test_a_case_keeps_the_policy_it_was_opened_under_when_another_comes_into_force() -> None:
    before = opened()

    after = opened(STANDARD.accelerated(60), zone="Europe/Berlin")

    assert before.policy == STANDARD and after.policy == STANDARD.accelerated(60)
    assert before.calendar.zone == "UTC" and after.calendar.zone == "Europe/Berlin"
