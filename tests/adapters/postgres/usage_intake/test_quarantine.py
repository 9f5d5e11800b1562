"""What cannot be usage is set aside with line, field and reason, beside rows that are kept; people let it in or not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adapters.usage_files import UsageFormat
from billing.failures import BillingFailure, FailureCode
from billing.usage import QuarantineState
from tests.adapters.postgres.usage_intake.collector import NOON, Collector, csv_of, event

FLAWS = [
    ({"tenant_id": "nobody"}, "tenant_id", "unknown tenant: 'nobody'"),
    ({"meter": "smiles"}, "meter", "unknown meter: 'smiles'"),
    ({"quantity": "-1"}, "quantity", "is negative: '-1"),
    ({"quantity": "-0.000001"}, "quantity", "is negative"),
    ({"quantity": "many"}, "quantity", "is no number of at most 18 digits and 6 decimals: 'many'"),
    ({"quantity": "NaN"}, "quantity", "is no number"),
    ({"quantity": "1.1234567"}, "quantity", "is no number of at most 18 digits and 6 decimals"),
    ({"quantity": "1234567890123456789"}, "quantity", "is no number of at most 18 digits"),
    ({"quantity": ""}, "quantity", "is missing"),
    ({"event_time": ""}, "event_time", "is missing"),
    ({"event_time": "yesterday"}, "event_time", "is unreadable: 'yesterday'"),
    ({"event_time": "2026-11-10T12:00:00"}, "event_time", "write it with its zone"),
    ({"event_time": "2026-02-30T12:00:00Z"}, "event_time", "is unreadable"),
    ({"event_time": "2026-11-20T13:00:01Z"}, "event_time", "is in the future"),
    ({"event_time": "2020-11-20T13:00:01Z"}, "event_time", "is too long ago"),
    ({"event_id": "17"}, "event_id", "is no UUID: '17'"),
    ({"event_id": ""}, "event_id", "is missing"),
    ({"trace_id": "zzzzzzzz-0000-0000-0000-000000000000"}, "trace_id", "is no UUID"),
    ({"route": ""}, "route", "is missing"),
    ({"route": "x" * 201}, "route", "is longer than 200 characters"),
]


@pytest.mark.parametrize(("changes", "field", "reason"), FLAWS, ids=lambda part: str(part)[:40])
@pytest.mark.parametrize("written_as", [UsageFormat.CSV, UsageFormat.JSON_LINES])
def test_a_bad_row_is_set_aside_and_its_neighbours_are_kept(
    collector: Collector, written_as: UsageFormat, changes: dict[str, str], field: str, reason: str
) -> None:
    report = collector.loads([event(1), event(2, **changes), event(3)], written_as)

    line = 3 if written_as is UsageFormat.CSV else 2
    [found] = collector.quarantine.rows()
    assert (report.stored, report.quarantined) == (2, 1)
    assert (found.line, found.field, found.state) == (line, field, QuarantineState.HELD)
    assert reason in found.reason
    assert (found.row[field] or "").startswith(changes[field])


def test_the_bounds_of_time_belong_to_what_is_kept(collector: Collector) -> None:
    rows = [event(1, event_time="2026-11-20T13:00:00Z"), event(2, event_time="2024-09-11T12:00:00Z")]

    report = collector.loads(rows)

    assert (report.stored, report.quarantined) == (2, 0)


def test_a_row_with_several_flaws_is_set_aside_once(collector: Collector) -> None:
    report = collector.loads([event(1, tenant_id="", quantity="-1", event_time="never")])

    assert report.quarantined == 1
    assert collector.set_aside() == [(2, "tenant_id", "is missing")]


def test_rows_that_are_no_rows_are_set_aside_by_their_line(collector: Collector) -> None:
    whole = csv_of([event(1), event(2)]).splitlines()
    path = collector.folder / "torn.csv"
    torn = [*whole[:2], 'a,"b', "a,b,c", "", ",".join("x" * 11), whole[2]]
    path.write_text("\n".join(torn) + "\n")

    report = collector.loads(path)

    assert (report.stored, report.quarantined) == (2, 3)
    assert collector.set_aside() == [
        (3, "row", "cannot be read as CSV: a quote is open"),
        (4, "meter", "is not there: the row has 3 of 10 fields"),
        (6, "row", "has 11 fields where the header has 10"),
    ]


def test_a_csv_that_ends_without_a_line_break_may_be_cut_and_its_last_row_waits(collector: Collector) -> None:
    path = collector.folder / "cut.csv"
    path.write_text(csv_of([event(1), event(2, quantity="1234")])[:-1])

    report = collector.loads(path)

    [waiting] = collector.quarantine.rows()
    assert (report.stored, report.quarantined) == (1, 1)
    assert (waiting.line, waiting.field) == (3, "row")
    assert "the file may be cut here" in waiting.reason
    assert collector.quarantine.release([waiting.entry_id], "lead-1").released == (waiting.entry_id,)
    assert collector.stored() == 2


def test_a_row_that_was_cut_in_its_middle_cannot_be_released(collector: Collector) -> None:
    text = csv_of([event(1), event(2)])
    path = collector.folder / "cut.csv"
    path.write_text(text[: text.index("/v1/calls", text.index("/v1/calls") + 1) + 3])
    collector.loads(path)
    [waiting] = collector.quarantine.rows()

    release = collector.quarantine.release([waiting.entry_id], "lead-1")

    assert release.released == ()
    assert [(row.field, row.reason) for row in release.refused] == [("trace_id", "is missing")]
    assert collector.stored() == 1


@pytest.mark.parametrize(
    ("line", "field", "reason"),
    [
        ('{"event_id": 1', "row", "is no JSON: the file is cut here"),
        ("[1, 2]\n", "row", "is no JSON object"),
        ("nothing\n", "row", "is no JSON object"),
        ('{"meter": "a", "meter": "b"}\n', "row", "has a field twice"),
        ('{"metre": "a"}\n', "metre", "is no field of an event"),
        ('{"meter": 5}\n', "meter", "is no text"),
        ('{"meter": ["a"]}\n', "meter", "is no text"),
        ('{"meter": "\\ud800"}\n', "meter", "is no text"),
        ('{"quantity": true}\n', "quantity", "is no text"),
    ],
)
def test_json_that_is_no_event_is_set_aside(collector: Collector, line: str, field: str, reason: str) -> None:
    path = collector.file([event(1)], UsageFormat.JSON_LINES)
    with path.open("a") as file:
        file.write(line)

    report = collector.loads(path)

    assert (report.stored, report.quarantined) == (1, 1)
    [(number, found, why)] = collector.set_aside()
    assert (number, found) == (2, field)
    assert reason in why


def test_an_id_that_comes_with_two_times_is_kept_with_the_first(collector: Collector) -> None:
    shifted = event(1, event_time="2026-11-10T07:00:00Z")

    report = collector.loads([event(1), shifted, event(1)])

    assert (report.stored, report.known, report.quarantined) == (1, 1, 1)
    assert collector.set_aside() == [
        (3, "event_time", "is not the one this event_id came with before: 2026-11-10T12:00:00.000000Z")
    ]


@pytest.mark.parametrize("changes", [{"quantity": "9"}, {"tenant_id": "other"}, {"meter": "tokens"}])
def test_a_known_event_with_another_content_is_set_aside(collector: Collector, changes: dict[str, str]) -> None:
    collector.tenant("other")
    collector.loads([event(1)])

    report = collector.sends(event(1, **changes), event(2))

    assert (report.stored, report.known) == (1, 0)
    assert [(row.line, row.field) for row in report.refused] == [(1, "event_id")]
    assert "another content: acme, api_calls, 2.500000" in report.refused[0].reason


def test_a_row_is_let_in_once_what_was_wrong_is_repaired(collector: Collector) -> None:
    collector.loads([event(1, tenant_id="newcomer"), event(2, tenant_id="nobody")])
    entries = [row.entry_id for row in collector.quarantine.rows()]
    collector.tenant("newcomer")

    release = collector.quarantine.release(entries, "lead-1")

    assert release.released == (entries[0],)
    assert [(row.entry_id, row.field) for row in release.refused] == [(entries[1], "tenant_id")]
    settled = collector.quarantine.row(entries[0])
    assert (settled.state, settled.settled_by, settled.settled_at) == (QuarantineState.RELEASED, "lead-1", NOON)
    assert collector.rows("select tenant_id from usage_events") == [{"tenant_id": "newcomer"}]


def test_what_is_settled_stays_settled(collector: Collector) -> None:
    collector.loads([event(1, tenant_id="nobody"), event(2, tenant_id="newcomer")])
    discarded, released = (row.entry_id for row in collector.quarantine.rows())
    collector.quarantine.discard([discarded], "lead-1")
    collector.tenant("newcomer")
    collector.quarantine.release([released], "lead-1")

    with pytest.raises(BillingFailure) as released_after_all:
        collector.quarantine.release([discarded], "lead-2")
    with pytest.raises(BillingFailure) as discarded_after_all:
        collector.quarantine.discard([released], "lead-2")

    assert released_after_all.value.code is discarded_after_all.value.code is FailureCode.CONFLICT
    assert "was discarded by lead-1" in str(released_after_all.value)
    assert collector.quarantine.discard([discarded], "lead-2") == 0
    assert collector.quarantine.rows() == []


def test_an_unknown_entry_is_named(collector: Collector) -> None:
    with pytest.raises(BillingFailure, match="there is no quarantined row 17") as refusal:
        collector.quarantine.discard([17], "lead-1")

    assert refusal.value.code is FailureCode.NOT_FOUND


def test_the_same_request_again_is_set_aside_once(collector: Collector) -> None:
    bad = event(1, quantity="-1")
    first = collector.sends(bad, event(2))

    again = collector.sends(bad, event(2))

    assert (first.stored, again.stored, again.known) == (1, 0, 1)
    assert first.refused == again.refused
    assert len(collector.quarantine.rows()) == 1


def test_a_request_without_flaws_leaves_no_row_in_the_register(collector: Collector) -> None:
    collector.sends(event(1))

    assert collector.one("select count(*) from usage_loads") == 0


def test_a_file_in_which_every_row_is_bad_is_told_row_by_row(collector: Collector) -> None:
    rows = [event(number, event_time="never", quantity="x") for number in range(1, 3_001)]

    report = collector.loads(rows)

    assert (report.stored, report.quarantined) == (0, 3_000)
    assert [row.line for row in collector.quarantine.rows(limit=5_000)] == list(range(2, 3_002))


def test_a_late_release_is_billed_on_the_next_invoice(collector: Collector) -> None:
    collector.closes("2026-08", at=NOON - timedelta(days=91))
    collector.loads([event(1, event_time="2026-08-10T12:00:00Z")])
    [waiting] = collector.quarantine.rows()

    release = collector.quarantine.release([waiting.entry_id], "lead-1")

    assert "2026-08, closed on 2026-08-21, too long ago" in waiting.reason
    assert (release.released, release.late) == ((waiting.entry_id,), 1)
    assert collector.rows("select period, quantity::text, billed_on from late_usage") == [
        {"period": "2026-08", "quantity": "2.500000", "billed_on": None}
    ]


@pytest.mark.parametrize("name", ["\\ud800", "\\u0000", "", "x" * 5_000, "\\u001b[31m"])
def test_names_that_nobody_can_keep_stop_no_load(collector: Collector, name: str) -> None:
    path = collector.file([event(1)], UsageFormat.JSON_LINES)
    with path.open("a") as file:
        file.write(f'{{"{name}": "a", "meter": {{"\\ud800": "\\u0000"}}}}\n')

    report = collector.loads(path)

    [found] = collector.quarantine.rows()
    assert (report.stored, report.quarantined, found.line) == (1, 1, 2)
    assert found.reason.startswith("is no field of an event")
    assert len(found.field) <= 40
    found.model_dump_json()
