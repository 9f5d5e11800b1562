"""One pace for all workers: turns are given one after the other, whoever asks, and nobody saves any up."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from adapters.postgres.pace import ProviderPace


class Waits:
    """Notes how long each turn was waited for, in seconds, and waits for none of them."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def free_in(engine: Engine, lane: str) -> timedelta:
    """When the lane is free again, from now."""
    with engine.connect() as connection:
        asked = text("select free_at - clock_timestamp() from provider_pace where lane = :lane")
        left: timedelta = connection.execute(asked, {"lane": lane}).scalar_one()
        return left


def test_turns_are_a_gap_apart_however_fast_they_are_asked_for(engine: Engine) -> None:
    waits = Waits()
    pace = ProviderPace(engine, "invoices", 1, sleep=waits)

    for _ in range(10):
        pace.wait_for_turn()

    # The first takes its turn at once; each of the others waits for those before it, less the time asking took.
    assert len(waits.seconds) == 9
    assert waits.seconds[-1] == pytest.approx(9, abs=1)


def test_workers_at_the_same_moment_share_one_pace(engine: Engine) -> None:
    waits = Waits()
    workers = [ProviderPace(engine, "invoices", 2, sleep=waits) for _ in range(4)]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: workers[number % 4].wait_for_turn(), range(40)))

    turns = sorted(waits.seconds)
    assert turns[-1] == pytest.approx(39 / 2, abs=1)
    assert free_in(engine, "invoices") <= timedelta(seconds=20)


def test_a_lane_that_nobody_used_for_long_gives_a_few_turns_at_once_and_no_more(engine: Engine) -> None:
    waits = Waits()
    pace = ProviderPace(engine, "invoices", 20, sleep=waits)
    pace.wait_for_turn()
    with engine.begin() as connection:
        connection.execute(text("update provider_pace set free_at = free_at - interval '1 hour'"))

    for _ in range(40):
        pace.wait_for_turn()

    assert max(waits.seconds) >= 40 / 20 - 0.25 - 1


def test_after_a_refusal_everybody_rests(engine: Engine) -> None:
    waits = Waits()
    refused, other = ProviderPace(engine, "invoices", 1_000), ProviderPace(engine, "invoices", 1_000, sleep=waits)
    refused.wait_for_turn()

    refused.back_off()
    other.wait_for_turn()

    assert waits.seconds == [pytest.approx(0.5, abs=0.3)]


def test_lanes_do_not_wait_for_each_other(engine: Engine) -> None:
    waits = Waits()
    ProviderPace(engine, "payments", 0.001, sleep=Waits()).wait_for_turn()

    ProviderPace(engine, "invoices", 0.001, sleep=waits).wait_for_turn()

    assert waits.seconds == [] or max(waits.seconds) < 1
