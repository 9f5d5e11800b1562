"""The ladder of each tier, day by day, and everything that moves a case on it (I6, I10)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from billing.access import Restriction
from billing.delinquency import ActionKind
from billing.ladder import ahead, next_action, restriction_of
from billing.ladder_moves import anchored
from billing.policy.dunning import DUNNING
from billing.rungs import Rung
from billing.tenants import Tier
from tests.billing.debtors import DAY, FAILED, HOUR, Story, case, day, debt, service, story


def test_the_ladder_of_pro() -> None:
    played = story(Tier.PRO, until=200)

    assert played.lines == [
        "0 final-warning",
        "2 grace",
        "7 rate-limited",
        "9 reminder-1",
        "10 blocked",
        "14 suspended",
        "17 reminder-2",
        "21 reminder-3",
        "74 deletion-notice-30",
        "97 deletion-notice-7",
        "104 awaiting-deletion",
    ]


def test_the_ladder_of_enterprise_has_contacts_by_a_person_and_no_reminders() -> None:
    played = story(Tier.ENTERPRISE, until=200)

    assert played.lines == [
        "2 grace",
        "7 final-warning",
        "14 rate-limited",
        "14 account-manager-1",
        "17 blocked",
        "21 suspended",
        "30 account-manager-2",
        "81 deletion-notice-30",
        "104 deletion-notice-7",
        "111 awaiting-deletion",
    ]


def test_the_ladder_of_free_has_no_grace_and_nothing_to_warn_of() -> None:
    played = story(Tier.FREE, until=200)

    assert played.lines == [
        "0 grace",
        "0 rate-limited",
        "3 blocked",
        "7 suspended",
        "67 deletion-notice-30",
        "90 deletion-notice-7",
        "97 awaiting-deletion",
    ]


@pytest.mark.parametrize(
    ("rung", "restriction", "share"),
    [
        (Rung.RETRYING, Restriction.NONE, 1),
        (Rung.GRACE, Restriction.NONE, 1),
        (Rung.RATE_LIMITED, Restriction.RATE_LIMITED, "0.10"),
        (Rung.BLOCKED, Restriction.NEW_REQUESTS_BLOCKED, 0),
        (Rung.SUSPENDED, Restriction.SUSPENDED, 0),
        (Rung.AWAITING_DELETION, Restriction.SUSPENDED, 0),
    ],
)
def test_what_is_left_of_the_service_on_each_rung(rung: Rung, restriction: Restriction, share: str | int) -> None:
    assert restriction_of(rung, DUNNING) == (restriction, Decimal(share))


def test_every_rung_has_one_above_but_the_last() -> None:
    assert [rung.next for rung in Rung] == [*list(Rung)[1:], None]
    assert [rung.place for rung in Rung] == list(range(len(Rung)))


@pytest.mark.parametrize(
    ("tier", "lines"),
    [
        (
            Tier.PRO,
            ["20 final-warning", "20 grace", "22 rate-limited", "24 blocked", "26 suspended", "116 awaiting-deletion"],
        ),
        (
            Tier.ENTERPRISE,
            ["20 final-warning", "20 grace", "22 rate-limited", "24 blocked", "26 suspended", "116 awaiting-deletion"],
        ),
        (Tier.FREE, ["20 grace", "20 rate-limited", "22 blocked", "24 suspended", "114 awaiting-deletion"]),
    ],
)
def test_a_case_that_begins_twenty_days_late_gives_each_rung_its_time(tier: Tier, lines: list[str]) -> None:
    played = story(tier, at=20, until=200)

    assert service(played.lines) == lines


@pytest.mark.parametrize(
    ("slept_from", "lines"),
    [
        (1, ["22 grace", "24 rate-limited", "26 blocked", "28 suspended"]),
        (3, ["22 rate-limited", "24 blocked", "26 suspended"]),
        (8, ["22 blocked", "24 suspended"]),
        (11, ["22 suspended"]),
    ],
)
def test_a_worker_that_was_away_until_day_22_skips_no_rung(slept_from: float, lines: list[str]) -> None:
    before = story(Tier.PRO, until=slept_from)

    after = Story(before.standing).asleep_until(22).until(100)

    assert service(after.lines) == lines


def test_of_the_reminders_that_were_missed_only_the_last_is_sent() -> None:
    played = story(Tier.PRO, at=15, until=40)

    # The warning of day 15 and the letters of three rungs make it wait, and then a weekend: Monday the 30th, nine o'clock
    # in a summer that began the day before. The third one is due by then.
    assert [line for line in played.lines if "reminder" in line] == ["27.875 reminder-3"]


def test_the_last_of_the_missed_contacts_by_a_person_is_made() -> None:
    played = story(Tier.ENTERPRISE, at=31, until=40)

    assert [line for line in played.lines if "account" in line] == ["31 account-manager-2"]


def test_what_is_still_to_come_is_what_will_be_done() -> None:
    for tier in Tier:
        told = ahead(case(tier), DUNNING, FAILED)

        done = story(tier, until=200).lines

        assert [f"{(at - FAILED) / DAY:g} {rung.replace('_', '-')}" for rung, at in told] == [
            line for line in done if line.split()[1] in {rung.replace("_", "-") for rung in Rung}
        ]


def test_an_action_is_never_due_before_now() -> None:
    late = next_action(case(Tier.PRO), DUNNING, day(50))

    assert late is not None
    assert (late.kind, late.at) == (ActionKind.FINAL_WARNING, day(50))


def test_the_rung_is_entered_at_its_minute_and_not_before() -> None:
    grace = story(Tier.PRO, until=6).standing

    before = next_action(grace, DUNNING, day(7) - HOUR / 60)
    after = next_action(grace, DUNNING, day(7))

    assert before and after
    assert before.at == after.at == day(7)


def test_a_date_that_was_told_stands_when_an_older_debt_turns_up() -> None:
    grace = story(Tier.PRO, debt("in-2", since=5), at=5, until=6)
    assert grace.standing.told == day(12)

    grace.standing = anchored(grace.standing, [debt("in-1", since=0), debt("in-2", since=5)], day(6), DUNNING)

    # Alone, the older one would limit the service on day 7.
    assert service(grace.until(30).lines) == [
        "5 final-warning", "6 grace", "12 rate-limited", "14 blocked", "16 suspended"
    ]  # fmt: skip


def test_a_debt_for_usage_alone_never_costs_the_plan() -> None:
    played = story(Tier.PRO, debt(usage_only=True), until=400)

    assert service(played.lines)[-1] == "10 blocked"
    assert next_action(played.standing, DUNNING, day(400)) is None


def test_usage_blocks_by_its_own_age_and_the_plan_is_suspended_by_the_plans() -> None:
    played = story(Tier.PRO, debt("usage", usage_only=True), debt("plan", since=20), until=40)

    assert service(played.lines)[-2:] == ["10 blocked", "34 suspended"]
