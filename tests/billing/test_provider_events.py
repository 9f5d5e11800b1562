"""When an event is tried again, and what of its news a case hears."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from billing.policy.provider_events import ProviderEventsPolicy
from billing.policy.standard import PROVIDER_EVENTS
from billing.provider_event_letters import is_due
from billing.provider_events import News, NewsKind, one_of_each

ARRIVED = datetime(2026, 11, 21, 9, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def tries(policy: ProviderEventsPolicy) -> list[timedelta]:
    """How long after its arrival an event that always fails is tried, the first time at once."""
    moments, now = [timedelta(0)], ARRIVED
    while (again := policy.next_try(len(moments), ARRIVED, now)) is not None:
        now = again
        moments.append(now - ARRIVED)
    return moments


def test_an_event_is_tried_for_seven_days_at_growing_intervals() -> None:
    moments = tries(PROVIDER_EVENTS)

    waits = [later - earlier for earlier, later in pairwise(moments)]
    assert waits[:6] == [MINUTE, 3 * MINUTE, 9 * MINUTE, 27 * MINUTE, 81 * MINUTE, 243 * MINUTE]
    assert all(shorter <= longer for shorter, longer in pairwise(waits[:-1]))
    assert max(waits) == 12 * HOUR
    assert moments[-1] == 7 * DAY


def test_at_ten_thousand_times_the_speed_it_is_tried_as_often() -> None:
    assert len(tries(PROVIDER_EVENTS.accelerated(10_000))) == len(tries(PROVIDER_EVENTS))


@pytest.mark.parametrize("attempts", [1, 30, 10_000])
def test_however_often_it_failed_the_last_try_is_at_the_end_of_its_time(attempts: int) -> None:
    nearly = ARRIVED + 7 * DAY - timedelta(seconds=1)

    assert PROVIDER_EVENTS.next_try(attempts, ARRIVED, nearly) == ARRIVED + 7 * DAY
    assert PROVIDER_EVENTS.next_try(attempts, ARRIVED, ARRIVED + 7 * DAY) is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"first_retry_after": DAY}, "the first wait"),
        ({"keep_trying": HOUR}, "shorter than all of the trying"),
        ({"sweep_overlap": 31 * DAY}, "a sweep overlaps"),
    ],
)
def test_a_schedule_that_does_not_grow_is_no_policy(changes: dict[str, timedelta], words: str) -> None:
    plain = PROVIDER_EVENTS.model_dump()

    with pytest.raises(ValueError, match=words):
        ProviderEventsPolicy.model_validate(plain | changes)


def news(number: int, kind: NewsKind = NewsKind.INVOICE, invoice: str | None = "inv-1", tenant: str = "acme") -> News:
    at = ARRIVED + number * MINUTE
    return News(kind=kind, tenant_id=tenant, invoice_id=invoice, event_id=f"evt_{number}", occurred_at=at)


def test_a_case_hears_once_of_each_invoice_and_kind_however_often_it_changed() -> None:
    heard = one_of_each(
        [
            news(3),
            news(1),
            news(2, NewsKind.REFUND),
            news(4, invoice="inv-2"),
            news(5, NewsKind.CUSTOMER, None),
            news(6, tenant="bolt"),
        ]
    )

    assert [one.event_id for one in heard] == ["evt_3", "evt_2", "evt_4", "evt_5", "evt_6"]


def test_a_change_of_the_customer_never_hides_that_another_card_became_the_default() -> None:
    chosen = news(1, NewsKind.CUSTOMER, None).model_copy(update={"payment_method": "pm_2"})

    heard = one_of_each([chosen, news(2, NewsKind.CUSTOMER, None)])

    assert [(one.event_id, one.brings_a_card) for one in heard] == [("evt_1", True), ("evt_2", False)]


@pytest.mark.parametrize(
    ("parked_now", "written", "due"),
    [
        (0, None, False),
        (1, None, True),
        (1, timedelta(hours=23), False),
        (900, timedelta(hours=23), False),
        (1, timedelta(days=1), True),
        (0, timedelta(days=1), False),
    ],
)
def test_people_are_written_to_about_parked_events_at_once_and_then_once_a_day(
    parked_now: int, written: timedelta | None, due: bool
) -> None:
    now = datetime(2026, 12, 1, tzinfo=UTC)
    written_at = now - written if written else None

    assert is_due(parked_now, written_at, now, timedelta(days=1)) is due
