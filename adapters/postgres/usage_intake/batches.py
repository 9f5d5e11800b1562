"""A batch of checked rows, made ready for Postgres beside the storing of the one before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from adapters.postgres.usage_intake.encoding import encoded
from adapters.postgres.usage_intake.repeats import TOLD, repeats
from adapters.usage_files.blocks import Block, Flaw
from adapters.usage_files.checking import Checked, TimeBounds, check

_WHO_AND_WHAT = ["tenant_id", "meter"]


@dataclass(frozen=True)
class Batch:
    """Rows that may be usage, each id once, as the bytes of a COPY.

    `known` counts rows that only repeat others, `flaws` are those that cannot be usage. `touched` are the tenants and
    meters with their first and last moment, as bytes too. `first` and `last` are None without rows.
    """

    checked: Checked
    places: Sequence[int]
    table: pa.Table
    rows: memoryview
    touched: memoryview
    known: int
    flaws: tuple[Flaw, ...]
    first: datetime | None
    last: datetime | None
    end: int

    @property
    def size(self) -> int:
        """How many rows were sound; flawed ones are not in it."""
        return len(self.table)

    @property
    def told(self) -> pa.Table:
        """What the next batch is held against."""
        return self.table.select(TOLD)

    def staged(self) -> memoryview:
        """The rows behind their places in this batch, for a look at each of them."""
        return encoded(self.table, numbered=True)

    def flaw(self, place: int, field: str, reason: str) -> Flaw:
        """What Postgres found wrong with the row at a place of this batch."""
        position = self.places[place]
        return Flaw(self.checked.lines[position], field, reason, self.checked.as_sent(position))


def prepare(block: Block, bounds: TimeBounds, before: pa.Table | None = None) -> Batch:
    """Check a block, take out what repeats within it or since the block `before`, and encode the rest."""
    checked = check(block, bounds)
    again = repeats(checked, before)
    places: Sequence[int] = range(len(checked.table))
    table = checked.table
    if again.known or again.flaws:
        places = [place for place in places if place not in again.known and place not in again.flaws]
        table = table.take(pa.array(places, pa.int64()))
    touched = table.group_by(_WHO_AND_WHAT).aggregate([("event_time", "min"), ("event_time", "max")])
    touched = touched.select([*_WHO_AND_WHAT, "event_time_min", "event_time_max"])
    edges = pc.min_max(table.column("event_time"))
    return Batch(
        checked=checked,
        places=places,
        table=table,
        rows=encoded(table),
        touched=encoded(touched),
        known=len(again.known),
        flaws=(*checked.flaws, *again.flaws.values()),
        first=edges["min"].as_py(),
        last=edges["max"].as_py(),
        end=block.end,
    )
