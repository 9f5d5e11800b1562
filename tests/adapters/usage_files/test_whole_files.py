"""A file that cannot be a usage file is refused as a whole, with the line and the field, before a row of it is stored."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adapters.usage_files import UsageFormat, open_usage_file
from adapters.usage_files.blocks import Block
from adapters.usage_files.checking import TimeBounds, check
from billing.failures import BillingFailure, FailureCode
from tests.adapters.postgres.usage_intake.collector import csv_of, event, events, table_of

HEADER = "event_id,tenant_id,event_time,meter,quantity,route,trace_id,api_key_id,tool,model"
WHENEVER = TimeBounds(earliest=datetime(2000, 1, 1, tzinfo=UTC), latest=datetime(2100, 1, 1, tzinfo=UTC))


def refusal(path: Path, written_as: UsageFormat | None = None) -> str:
    with pytest.raises(BillingFailure) as refused:
        open_usage_file(path, written_as)
    assert refused.value.code is FailureCode.INVALID
    return str(refused.value)


@pytest.mark.parametrize("written_as", UsageFormat)
def test_a_file_of_no_bytes_is_refused(tmp_path: Path, written_as: UsageFormat) -> None:
    path = tmp_path / f"nothing.{written_as}"
    path.touch()

    why = refusal(path)

    assert why == f"nothing.{written_as}: the file has no bytes; nothing of it was stored"


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (HEADER.replace("quantity", "amount"), "line 1: the columns lack quantity; found are event_id, tenant_id,"),
        (HEADER + ",colour", "line 1: the columns name colour, which is unknown"),
        (HEADER + ",meter", "line 1: the columns name meter more than once"),
        (HEADER.replace(",", ";"), "line 1: the columns lack event_id, tenant_id"),
        ('event_id,"tenant', "line 1: it cannot be read as CSV"),
        (csv_of([event()]).splitlines()[1], "line 1: the columns lack event_id"),
    ],
)
def test_a_wrong_header_is_named(tmp_path: Path, header: str, why: str) -> None:
    path = tmp_path / "usage.csv"
    path.write_text(header + "\n" + csv_of([event()]).splitlines()[1] + "\n")

    assert why in refusal(path)


@pytest.mark.parametrize(
    ("written_as", "text", "place"),
    [
        (UsageFormat.CSV, csv_of([event(1), event(2, route="/v1/caf@")]), "line 3, route: byte"),
        (UsageFormat.CSV, csv_of([event(1, route="a,@b")]), "line 2, route: byte"),
        (UsageFormat.CSV, HEADER.replace("tool", "to@l") + "\n", "line 1,"),
        (UsageFormat.JSON_LINES, '{"event_id": "1"}\n{"event_id": "2", "route": "/caf@"}\n', "line 2, route: byte"),
    ],
)
def test_text_that_is_not_utf8_is_named_by_line_and_field(
    tmp_path: Path, written_as: UsageFormat, text: str, place: str
) -> None:
    path = tmp_path / f"usage.{written_as}"
    path.write_bytes(text.encode().replace(b"@", b"\xe9"))

    why = refusal(path)

    assert place in why
    assert "write the file as UTF-8; nothing of it was stored" in why


def test_a_text_that_ends_within_a_letter_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "usage.csv"
    path.write_bytes(csv_of([event()]).encode() + "é".encode()[:1])

    assert "line 3, event_id: byte 1 of the line is not UTF-8" in refusal(path)


@pytest.mark.parametrize("text", ["[]\n", HEADER + "\n", "\n\n", '"text"\n'])
def test_json_lines_begin_with_an_object(tmp_path: Path, text: str) -> None:
    path = tmp_path / "usage.jsonl"
    path.write_text(text)

    assert "line 1: a usage file as JSON lines has one object {...} a line" in refusal(path)


def test_a_parquet_file_that_was_cut_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "usage.parquet"
    pq.write_table(table_of(events(100)), path)
    path.write_bytes(path.read_bytes()[:-40])

    assert "it is no whole Parquet file" in refusal(path)


@pytest.mark.parametrize(
    ("name", "column", "why"),
    [
        (
            "quantity",
            pa.array([1.5]),
            "quantity is double, wanted is a decimal, an integer or text: floats are not exact",
        ),
        ("event_time", pa.array([0], pa.timestamp("us")), "event_time is timestamp[us] without a zone"),
        ("event_time", pa.array([0]), "event_time is int64, wanted is a timestamp with a zone, or text"),
        ("event_id", pa.array([b"1"]), "event_id is binary, wanted is a UUID, 16 bytes or text"),
        ("meter", pa.array([7]), "meter is int64, wanted is text"),
        ("meter", pa.array([["a"]]), "meter is list<element: string>, wanted is text"),
    ],
)
def test_a_wrong_parquet_schema_is_named_by_column(tmp_path: Path, name: str, column: pa.Array, why: str) -> None:
    table = table_of([event()])
    path = tmp_path / "usage.parquet"
    pq.write_table(table.set_column(table.column_names.index(name), name, column), path)

    assert f"the schema is wrong: {why}" in refusal(path)


def test_a_parquet_file_that_lacks_a_column_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "usage.parquet"
    pq.write_table(table_of([event()]).drop_columns(["quantity"]), path)

    assert "the schema is wrong: the columns lack quantity" in refusal(path)


@pytest.mark.parametrize(
    ("name", "column", "taken"),
    [
        ("quantity", pa.array([7], pa.int32()), Decimal(7)),
        ("quantity", pa.array([2**62], pa.int64()), None),
        ("quantity", pa.array([Decimal("1.50")], pa.decimal128(10, 2)), Decimal("1.5")),
        ("quantity", pa.array([Decimal("1.12345678")], pa.decimal128(12, 8)), None),
        ("quantity", pa.array([Decimal("1.10000000")], pa.decimal256(50, 8)), Decimal("1.1")),
        ("event_time", pa.array([1_790_000_000], pa.timestamp("s", "Europe/Berlin")), 1_790_000_000),
        ("event_time", pa.array([1_790_000_000_000_000_999], pa.timestamp("ns", "UTC")), 1_790_000_000),
        ("event_time", pa.array([2**62], pa.timestamp("ms", "UTC")), None),
        ("meter", pa.array(["tokens"]).dictionary_encode(), "tokens"),
        ("meter", pa.array(["tokens"], pa.large_string()), "tokens"),
        ("event_id", pa.array([b"\1" * 16], pa.binary(16)), b"\1" * 16),
        ("event_id", pa.array([b"\1" * 16], pa.uuid()), b"\1" * 16),
    ],
)
def test_parquet_columns_are_taken_when_nothing_is_lost(
    tmp_path: Path, name: str, column: pa.Array, taken: object
) -> None:
    table = table_of([event()])
    path = tmp_path / "usage.parquet"
    pq.write_table(table.set_column(table.column_names.index(name), name, column), path)

    [block] = open_usage_file(path).blocks()
    checked = check(block, WHENEVER)

    if taken is None:
        assert [flaw.field for flaw in checked.flaws] == [name]
    else:
        value = checked.table.column(name)[0].as_py()
        assert (int(value.timestamp()) if isinstance(value, datetime) else value) == taken
        assert not checked.flaws


def test_the_format_is_the_suffix_unless_it_is_said(tmp_path: Path) -> None:
    path = tmp_path / "usage.txt"
    path.write_text(csv_of([event()]))

    assert "the suffix .txt names no format; say it with --format" in refusal(path)
    assert open_usage_file(path, UsageFormat.CSV).rows == 1


def test_a_name_in_a_header_is_quoted_briefly(tmp_path: Path) -> None:
    path = tmp_path / "usage.csv"
    path.write_text(HEADER + "," + "x" * 5_000 + ",\x1b[31m\n")

    why = refusal(path)

    assert len(why) < 400
    assert "\x1b" not in why


@pytest.mark.parametrize(
    "given",
    [
        "00000000-0000-0000-0000-000000000001",
        "00000000000000000000000000000001",
        "ABCDEFAB-0000-0000-0000-00000000000f",
    ],
)
@pytest.mark.parametrize("neighbour", [None, "no id"])
def test_an_id_is_read_in_every_form_of_a_uuid(given: str, neighbour: str | None) -> None:
    rows = [event(event_id=given), *([event(event_id=neighbour)] if neighbour else [])]
    table = pa.table({name: pa.array([row[name] for row in rows], pa.string()) for name in event()})

    checked = check(Block(table, range(1, len(rows) + 1), (), len(rows)), WHENEVER)

    assert checked.table.column("event_id").to_pylist() == [bytes.fromhex(given.replace("-", ""))]
    assert len(checked.flaws) == len(rows) - 1
