"""Events that come twice within a block, or in the block before: found here, where both are at hand, before Postgres is asked.

Most repeats are a collector's own retries and come close together.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from adapters.usage_files.blocks import Flaw
from adapters.usage_files.checking import Checked

TOLD = ["event_id", "event_time", "tenant_id", "meter", "quantity"]


class Told(NamedTuple):
    """What an event says, besides its id."""

    event_time: datetime
    tenant_id: str
    meter: str
    quantity: Decimal

    def __str__(self) -> str:
        return f"{self.tenant_id}, {self.meter}, {self.quantity:f}"


class Repeats(NamedTuple):
    """The places of rows that say again what was said (`known`), and why others that use an id again are kept out."""

    known: frozenset[int]
    flaws: dict[int, Flaw]


def repeats(checked: Checked, before: pa.Table | None) -> Repeats:
    """Hold the rows against each other and against those of the block before; of each id the first row counts."""
    table = checked.table
    found = _ids_that_repeat(table, before)
    if found is None:
        return Repeats(frozenset(), {})
    first = {} if before is None else dict(_rows(before.filter(pc.is_in(before.column("event_id"), found))))
    places = pc.indices_nonzero(pc.is_in(table.column("event_id"), found)).to_pylist()
    known: set[int] = set()
    flaws: dict[int, Flaw] = {}
    for place, (event_id, told) in zip(places, _rows(table.take(places)), strict=True):
        earlier = first.setdefault(event_id, told)
        if earlier is told:
            continue
        if earlier == told:
            known.add(place)
        else:
            flaws[place] = Flaw(checked.lines[place], *_objection(told, earlier), checked.as_sent(place))
    return Repeats(frozenset(known), flaws)


def told_differently(stored: Told) -> tuple[str, str]:
    """Field and reason of an event whose id is stored for the same moment with another content."""
    return "event_id", f"is stored for the same moment with another content: {stored}"


def _objection(told: Told, earlier: Told) -> tuple[str, str]:
    if told.event_time == earlier.event_time:
        return told_differently(earlier)
    came = f"{earlier.event_time:%Y-%m-%dT%H:%M:%S.%fZ}"
    return "event_time", f"is not the one this event_id came with before: {came}"


def _ids_that_repeat(table: pa.Table, before: pa.Table | None) -> pa.Array | None:
    ids = table.select(["event_id"])
    both = ids if before is None else pa.concat_tables([before.select(["event_id"]), ids])
    counted = both.group_by("event_id").aggregate([([], "count_all")])
    if len(counted) == len(both):
        return None
    return counted.filter(pc.greater(counted.column("count_all"), 1)).column("event_id").combine_chunks()


def _rows(table: pa.Table) -> list[tuple[bytes, Told]]:
    columns = [table.column(name).to_pylist() for name in TOLD]
    return [(event_id, Told(*told)) for event_id, *told in zip(*columns, strict=True)]
