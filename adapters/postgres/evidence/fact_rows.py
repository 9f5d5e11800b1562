"""The rows behind every fact: gathered once in a table of the transaction, from there counted, hashed and exported."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from psycopg import sql
from sqlalchemy import Connection, text

from adapters.postgres.evidence.pulse import Pulse
from adapters.postgres.exports.files import CsvCopy, NewFile
from adapters.postgres.exports.spreadsheets import defused
from adapters.postgres.exports.streaming import export
from billing.evidence import EvidenceFile, RowSet

FILE_NAME = "fact_rows.csv"


class Fact(StrEnum):
    """What rows can stand behind, as `fact_rows.csv` names it."""

    DUPLICATE_EVENTS = "duplicate_events"
    MISSING_EVENTS = "missing_events"
    MISDATED_EVENTS = "misdated_events"
    KEY_USAGE = "key_usage"


# `part` splits the misdated events by what is wrong with them, key and network split the use of keys. An event that is
# missing has no id of its own: its row is the request's trace id.
_TABLE = text("""
    create temporary table fact_rows (
        fact text not null,
        meter text not null,
        part text not null default '',
        api_key_id text not null default '',
        network text not null default '',
        event_id uuid not null,
        event_time timestamptz not null,
        quantity numeric not null
    ) on commit drop
""")

_SETS = text(r"""
    create temporary table fact_row_sets on commit drop as
    select fact, meter, part, api_key_id, network,
        sum(quantity) as quantity, min(event_time) as first_time, max(event_time) as last_time, count(*) as rows,
        encode(sha256(convert_to(string_agg(cast(event_id as text), E'\n' order by event_id), 'UTF8')), 'hex') as sha256,
        cast((array_agg(event_id order by event_id))[\:10] as text[]) as sample
    from fact_rows
    group by fact, meter, part, api_key_id, network
""")

_READ_SETS = text("""
    select * from fact_row_sets where fact = :fact
    order by meter, part, api_key_id collate "C", network collate "C"
""")

_EXPORTED = sql.SQL("""
    select fact, sha256 as rows_sha256, event_id, event_time, meter, fact_rows.quantity, part, {api_key_id}, {network}
    from fact_rows
    join fact_row_sets using (fact, meter, part, api_key_id, network)
    order by fact, sha256, event_id, event_time
""").format(**{column: defused(column, table="fact_rows") for column in ("api_key_id", "network")})


@dataclass(frozen=True)
class FactRows:
    """The rows of one fact taken together; `quantity` is signed where the fact is."""

    meter: str
    part: str
    api_key_id: str
    network: str
    quantity: Decimal
    first_time: datetime
    last_time: datetime
    rows: RowSet


def open_fact_rows(connection: Connection) -> None:
    """Make the transaction's own table; whoever gathers a fact inserts its rows there."""
    connection.execute(_TABLE)


def count_fact_rows(connection: Connection) -> None:
    """Count and hash what was gathered. The hash is SHA-256 over the sorted row ids, joined by line feeds."""
    connection.execute(_SETS)


def rows_of(connection: Connection, fact: Fact) -> Iterator[FactRows]:
    """The row sets of one kind of fact, ordered by meter, part, key and network."""
    for row in connection.execute(_READ_SETS, {"fact": fact}).mappings():
        yield FactRows(
            meter=row["meter"],
            part=row["part"],
            api_key_id=row["api_key_id"],
            network=row["network"],
            quantity=row["quantity"],
            first_time=row["first_time"],
            last_time=row["last_time"],
            rows=RowSet(count=row["rows"], sha256=row["sha256"], sample=tuple(row["sample"])),
        )


def export_fact_rows(connection: Connection, folder: Path, pulse: Pulse) -> list[EvidenceFile]:
    """`fact_rows.csv`: the complete list of rows behind each fact, found by the SHA-256 that the fact and its finding
    carry."""
    return export(connection, _EXPORTED, {}, [CsvCopy(NewFile(folder, FILE_NAME))], pulse)
