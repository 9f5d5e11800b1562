"""Collecting: once a round, one attempt at a time, on one snapshot, and whole or not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from adapters.postgres.evidence.collection import sole_collector
from billing.corrections import sha256_of
from billing.failures import BillingFailure, FailureCode
from billing.policy.standard import STANDARD
from tests.adapters.evidence.world import World


class CutShortError(Exception):
    """What ends an attempt in the middle."""


def interrupting_at(words: str) -> Callable[[str], None]:
    """A heartbeat that ends the attempt when it notes these words."""

    def beat(note: str) -> None:
        if words in note:
            raise CutShortError(note)

    return beat


def files_below(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def test_the_pack_lies_in_a_folder_of_its_case_and_round(world: World) -> None:
    world.call("2026-10-05 10:00")

    pack = world.collect(world.scope(case_id="dispute/T-4711", round_number=2))

    assert pack.evidence_id == "dispute-T-4711/r2"
    assert files_below(world.directory) == [
        f"dispute-T-4711/r2/{name}"
        for name in ("fact_rows.csv", "request_logs.csv", "rollup.csv", "usage_events.csv", "usage_events.parquet")
    ]


def test_the_same_round_is_collected_once_whatever_has_happened_since(world: World) -> None:
    world.event("2026-10-05 10:00")
    first = world.collect()
    before = world.file(first, "usage_events.csv").read_bytes()
    world.event("2026-10-05 11:00")

    again = world.collect()

    assert again == first
    assert world.file(again, "usage_events.csv").read_bytes() == before
    assert world.rows("select count(*) from evidence_packs") == [{"count": 1}]


def test_another_round_looks_again(world: World) -> None:
    world.event("2026-10-05 10:00")
    first = world.collect()
    world.event("2026-10-05 11:00")

    second = world.collect(world.scope(round_number=2))

    assert (first.events, second.events) == (1, 2)
    assert world.file(first, "usage_events.csv").exists()


@pytest.mark.parametrize(
    "step",
    ["raw usage events", "exported", "requests behind", "roll-up", "counted twice", "without an event", "wrong side"],
)
def test_an_interrupted_collection_leaves_nothing_and_can_be_repeated(world: World, step: str) -> None:
    world.again(world.call("2026-10-05 10:00"))
    scope = world.scope()

    with pytest.raises(CutShortError):
        world.room.collect(scope, STANDARD, interrupting_at(step))

    assert files_below(world.directory) == []
    assert world.rows("select * from evidence_packs") == []
    assert world.collect(scope).events == 2


def test_what_a_killed_attempt_left_is_cleared_away(world: World) -> None:
    world.event("2026-10-05 10:00")
    for leftover in ("r1/usage_events.csv", ".unfinished-r1-abc/usage_events.csv", ".unfinished-r2-abc/rollup.csv"):
        path = world.directory / "dispute-T-1" / leftover
        path.parent.mkdir(parents=True)
        path.write_text("half a file")

    pack = world.collect()

    assert "half" not in world.file(pack, "usage_events.csv").read_text()
    assert [name for name in files_below(world.directory) if "unfinished" in name] == [
        "dispute-T-1/.unfinished-r2-abc/rollup.csv"
    ]


def test_a_second_attempt_waits_for_another_time_while_the_first_is_at_work(world: World) -> None:
    world.event("2026-10-05 10:00")
    scope = world.scope()

    with sole_collector(world.engine, "dispute-T-1/r1"), pytest.raises(BillingFailure) as refusal:
        world.room.collect(scope, STANDARD, lambda note: None)

    assert refusal.value.code is FailureCode.UNAVAILABLE
    assert world.collect(scope).events == 1


def test_files_and_facts_show_the_same_moment(world: World) -> None:
    world.again(world.call("2026-10-05 10:00"))
    arrived = threading.Event()

    def a_late_event_arrives(note: str) -> None:
        if "requests behind" in note and not arrived.is_set():
            arrived.set()
            world.again(world.call("2026-10-05 12:00"))

    pack = world.room.collect(world.scope(), STANDARD, a_late_event_arrives)

    facts = world.room.facts(pack.evidence_id)
    assert arrived.is_set()
    assert pack.events == 2
    assert [total.raw_events for total in facts.day_totals] == [2]
    assert [found.rows.count for found in facts.duplicates] == [1]


def test_progress_is_told_in_words(world: World) -> None:
    told: list[str] = []
    world.event("2026-10-05 10:00")

    world.room.collect(world.scope(), STANDARD, told.append)

    assert [note for note in dict.fromkeys(told) if "MB" not in note] == [
        "exporting raw usage events",
        "exporting the requests behind them",
        "making the roll-up anew",
        "looking for events that were counted twice",
        "looking for requests without an event",
        "looking for events on the wrong side of the period",
    ]


def test_facts_read_back_are_the_facts_that_were_collected(world: World) -> None:
    world.again(world.call("2026-10-05 10:00", "0.000001"))

    pack = world.collect()

    assert sha256_of(world.room.facts(pack.evidence_id).model_dump(mode="json")) == pack.facts_sha256


def test_facts_that_were_changed_in_the_database_are_refused(world: World, engine: Engine) -> None:
    world.event("2026-10-05 10:00")
    pack = world.collect()
    with engine.begin() as connection:
        connection.execute(text("update evidence_packs set facts = jsonb_set(facts, '{currency}', '\"EUR\"')"))

    with pytest.raises(BillingFailure, match="were changed") as refusal:
        world.room.facts(pack.evidence_id)

    assert refusal.value.code is FailureCode.CONFLICT


def test_unknown_evidence_is_not_found(world: World) -> None:
    with pytest.raises(BillingFailure, match="there is no evidence dispute-T-9/r1") as refusal:
        world.room.facts("dispute-T-9/r1")

    assert refusal.value.code is FailureCode.NOT_FOUND


def test_a_folder_that_cannot_be_written_is_tried_again_later(world: World) -> None:
    world.event("2026-10-05 10:00")
    scope = world.scope()
    world.directory.write_text("a file where the folder should be")

    with pytest.raises(BillingFailure, match="evidence files cannot be written") as refusal:
        world.room.collect(scope, STANDARD, lambda note: None)

    assert refusal.value.code is FailureCode.UNAVAILABLE
