"""What gateways are told while the books answer, answer late, or are away; with a clock and books that the test turns."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from activities.access_ports import Changes
from billing.access import AccessStanding, Cause, Restriction
from billing.failures import BillingFailure, FailureCode
from billing.policy.limits import AccessPolicy
from console.access_answers import ASKED_AGAIN_AFTER, AccessAnswers

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
# Books that hang are the world of one test; everywhere else a busy machine must not look like one that does.
PATIENT = AccessPolicy(
    fresh_for=timedelta(seconds=2), asked_within=timedelta(seconds=30), repeated_for=timedelta(hours=1)
)
IMPATIENT = PATIENT.model_copy(update={"asked_within": timedelta(seconds=0.2)})
ACME = AccessStanding(tenant_id="acme")


class Ledger:
    """Books whose answers, absence and slowness a test chooses; `asked` are the tenants of each statement they got, `looks`
    the marks since which they were asked for changes."""

    def __init__(self) -> None:
        self.rows = {"acme": ACME}
        self.log = ["somebody"]
        self.asked: list[list[str]] = []
        self.looks: list[int | None] = []
        self.away = False
        self.failures = 0
        self.open = threading.Event()
        self.open.set()
        self.seconds = 0.0

    def changes(self, tenant_id: str, **changes: Any) -> None:
        row = self.rows.get(tenant_id, AccessStanding(tenant_id=tenant_id))
        self.rows[tenant_id] = row.model_copy(update={"revision": row.revision + 1, **changes})
        self.log.append(tenant_id)

    def standings(self, tenants: Sequence[str]) -> dict[str, AccessStanding]:
        self.asked.append(sorted(tenants))
        self._here()
        return {name: self.rows[name] for name in tenants if name in self.rows}

    def changed_since(self, mark: int | None) -> Changes:
        self.looks.append(mark)
        self._here()
        return Changes(frozenset(self.log[mark:] if mark is not None else ()), len(self.log))

    def _here(self) -> None:
        self.open.wait(10)
        if self.failures:
            self.failures -= 1
            raise BillingFailure(FailureCode.UNAVAILABLE, "Postgres closed the connection")
        if self.away:
            raise BillingFailure(FailureCode.UNAVAILABLE, "Postgres is not available")

    def clock(self) -> float:
        return self.seconds


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    made = Ledger()
    yield made
    made.open.set()


def answers_over(ledger: Ledger, most: int = 100, policy: AccessPolicy = PATIENT) -> AccessAnswers:
    now = lambda: NOON + timedelta(seconds=ledger.seconds)  # noqa: E731 - a clock in a line
    return AccessAnswers(ledger, policy, now, measure=ledger.clock, most=most)


async def looked(answers: AccessAnswers) -> None:
    """Return once whatever was begun without anybody waiting for it is over."""
    while answers.is_reading:  # noqa: ASYNC110 - seldom
        await asyncio.sleep(0.001)


async def test_after_two_seconds_without_a_word_from_the_books_they_are_asked_again(ledger: Ledger) -> None:
    answers = answers_over(ledger)
    await answers.of("acme")
    ledger.seconds = 0.9
    kept = await answers.of("acme")
    ledger.changes("acme", restriction=Restriction.SUSPENDED)

    ledger.seconds = 2.9
    changed = await answers.of("acme")

    assert (kept.age, kept.stale, kept.kept.etag) == (0.9, False, 'W/"acme-0"')
    assert (changed.age, changed.stale, changed.kept.etag) == (0, False, 'W/"acme-1"')
    assert ledger.asked == [["acme"], ["acme"]]


async def test_what_has_not_changed_stays_fresh_and_is_not_read_again(ledger: Ledger) -> None:
    answers = answers_over(ledger)
    await answers.of("acme")

    told = []
    for second in range(1, 60):
        ledger.seconds = second
        told.append(await answers.of("acme"))
        await looked(answers)

    assert {(answer.stale, answer.kept.etag) for answer in told} == {(False, 'W/"acme-0"')}
    assert max(answer.age for answer in told) == 1
    assert json.loads(told[-1].body)["as_of"] == (NOON + timedelta(seconds=58)).isoformat()
    assert (ledger.asked, len(ledger.looks)) == ([["acme"]], 60)


async def test_a_change_is_told_within_two_seconds_without_anybody_waiting_for_the_books(ledger: Ledger) -> None:
    answers = answers_over(ledger)
    for name in ("acme", "bolt"):
        ledger.rows[name] = AccessStanding(tenant_id=name)
        await answers.of(name)
    ledger.changes("acme", restriction=Restriction.SUSPENDED)
    ledger.changes("crow")

    ledger.seconds = 1
    before = await answers.of("bolt")
    await looked(answers)
    ledger.seconds = 1.5
    after = await answers.of("acme")

    assert (before.age, after.age) == (1, 0.5)
    assert json.loads(after.body)["restriction"] == "suspended"
    assert ledger.asked == [["acme"], ["bolt"], ["acme"]]


async def test_a_change_of_while_nobody_asked_is_not_missed(ledger: Ledger) -> None:
    answers = answers_over(ledger)
    ledger.rows["bolt"] = AccessStanding(tenant_id="bolt")
    for name in ("acme", "bolt"):
        await answers.of(name)
    ledger.changes("acme", restriction=Restriction.SUSPENDED)

    ledger.seconds = 3_000
    await answers.of("bolt")
    acme = await answers.of("acme")

    assert (acme.stale, json.loads(acme.body)["restriction"]) == (False, "suspended")


async def test_what_is_read_right_after_a_first_look_that_failed_is_followed_too(ledger: Ledger) -> None:
    answers = answers_over(ledger)
    ledger.rows["bolt"] = AccessStanding(tenant_id="bolt")
    ledger.failures = 1
    ledger.open.clear()
    first = asyncio.create_task(answers.of("acme"))
    while not ledger.looks:  # noqa: ASYNC110 - at once
        await asyncio.sleep(0.001)
    meanwhile = asyncio.create_task(answers.of("bolt"))
    await asyncio.sleep(0)
    ledger.open.set()
    await asyncio.gather(first, meanwhile, return_exceptions=True)
    ledger.changes("bolt", restriction=Restriction.SUSPENDED)

    ledger.seconds = 1
    await answers.of("bolt")
    await looked(answers)
    ledger.seconds = 1.5
    bolt = await answers.of("bolt")

    assert json.loads(bolt.body)["restriction"] == "suspended"


async def test_what_other_books_said_is_forgotten(ledger: Ledger) -> None:
    answers = answers_over(ledger)
    ledger.rows["bolt"] = AccessStanding(tenant_id="bolt")
    for name in ("acme", "bolt"):
        await answers.of(name)

    ledger.log.clear()
    ledger.rows["acme"] = ACME.model_copy(update={"restriction": Restriction.SUSPENDED})
    ledger.seconds = 3
    await answers.of("bolt")
    acme = await answers.of("acme")

    assert json.loads(acme.body)["restriction"] == "suspended"


async def test_an_answer_reads_as_gateways_want_it(ledger: Ledger) -> None:
    ledger.rows["acme"] = AccessStanding(
        tenant_id="acme",
        restriction=Restriction.RATE_LIMITED,
        rate_share=Decimal("0.1"),
        cause=Cause.DELINQUENCY,
        reason="INV-7 is unpaid",
        since=NOON,
        revision=3,
    )

    answer = await answers_over(ledger).of("acme")

    assert json.loads(answer.body) == {
        "tenant_id": "acme",
        "restriction": "rate_limited",
        "rate_share": 0.1,
        "cause": "delinquency",
        "reason": "INV-7 is unpaid",
        "since": "2026-11-20T12:00:00+00:00",
        "as_of": "2026-11-20T12:00:00+00:00",
        "stale": False,
    }


async def test_everybody_who_asks_at_once_is_answered_by_one_statement(ledger: Ledger) -> None:
    answers = answers_over(ledger)

    told = await asyncio.gather(*(answers.of(f"tenant-{number % 20}") for number in range(200)))

    assert len(told) == 200
    assert sum(map(len, ledger.asked)) == 20
    assert len(ledger.asked) <= 2


async def test_while_the_books_are_away_the_last_answer_is_repeated_and_says_so(ledger: Ledger) -> None:
    answers = answers_over(ledger)
    await answers.of("acme")
    ledger.away = True

    told = []
    for seconds in (1, 2, 60, 3_599):
        ledger.seconds = seconds
        told.append(await answers.of("acme"))

    assert [(answer.age, answer.stale) for answer in told] == [(1, False), (2, True), (60, True), (3_599, True)]
    assert json.loads(told[-1].body)["stale"] is True
    assert json.loads(told[-1].body)["as_of"] == NOON.isoformat()


async def test_after_too_long_nothing_is_repeated_any_more(ledger: Ledger) -> None:
    answers = answers_over(ledger)
    await answers.of("acme")
    ledger.away, ledger.seconds = True, 3_600

    with pytest.raises(BillingFailure) as refused:
        await answers.of("acme")

    assert refused.value.code is FailureCode.UNAVAILABLE


async def test_books_that_are_away_are_asked_twice_a_second_at_most_and_found_when_they_are_back(
    ledger: Ledger,
) -> None:
    answers = answers_over(ledger)
    ledger.away = True
    for name in ("acme", "bolt", "crow"):
        with pytest.raises(BillingFailure):
            await answers.of(name)
    asked_while_away = len(ledger.looks)

    ledger.away, ledger.seconds = False, ASKED_AGAIN_AFTER
    found = await answers.of("acme")

    assert asked_while_away == 1
    assert (found.exists, found.stale) == (True, False)


async def test_nobody_waits_long_for_books_that_hang(ledger: Ledger) -> None:
    answers = answers_over(ledger, policy=IMPATIENT)
    await answers.of("acme")
    ledger.open.clear()
    ledger.seconds = 3

    first = await asyncio.wait_for(answers.of("acme"), 2)
    others = await asyncio.wait_for(asyncio.gather(*(answers.of("acme") for _ in range(100))), 0.1)
    ledger.open.set()
    ledger.seconds = 4
    back = await answers.of("acme")

    assert all(answer.stale for answer in (first, *others))
    assert not back.stale


async def test_who_is_not_there_is_known_not_to_be_for_as_long(ledger: Ledger) -> None:
    answers = answers_over(ledger)

    first, second = await answers.of("nobody"), await answers.of("nobody")
    ledger.rows["nobody"] = AccessStanding(tenant_id="nobody")
    ledger.seconds = 2
    third = await answers.of("nobody")

    assert [answer.exists for answer in (first, second, third)] == [False, False, True]
    assert len(ledger.asked) == 2


async def test_memory_is_bounded_and_what_was_read_longest_ago_is_forgotten(ledger: Ledger) -> None:
    answers = answers_over(ledger, most=3)
    for name in ("a", "b", "c", "d"):
        await answers.of(name)
    ledger.asked.clear()

    for name in ("d", "c", "b", "a"):
        await answers.of(name)

    assert ledger.asked == [["a"]]
