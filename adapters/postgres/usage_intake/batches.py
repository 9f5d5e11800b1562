"""A batch of checked rows, made ready for Postgres beside the storing of the one before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from adapters.postgres.usage_intake.encoding import encoded
from adapters.usage_files.blocks import Block
from adapters.usage_files.checking import Checked, TimeBounds, check

_WHO_AND_WHAT = ["tenant_id", "meter"]


@dataclass(frozen=True)
class Batch:
    """Checked rows as the bytes of a COPY, and what every statement about them wants to know first.

    `touched` are the tenants and meters among them, each with its first and last moment, as bytes too; `doubled` says
    whether an id is there more than once. `first` and `last` are None without rows.
    """

    checked: Checked
    end: int
    rows: memoryview
    touched: memoryview
    first: datetime | None
    last: datetime | None
    doubled: bool

    @property
    def size(self) -> int:
        """The rows that were sound; flawed ones are not in it."""
        return len(self.checked.table)


def prepare(block: Block, bounds: TimeBounds) -> Batch:
    """Check a block and encode what is sound."""
    checked = check(block, bounds)
    table = checked.table
    touched = table.group_by(_WHO_AND_WHAT).aggregate([("event_time", "min"), ("event_time", "max")])
    touched = touched.select([*_WHO_AND_WHAT, "event_time_min", "event_time_max"])
    edges = pc.min_max(table.column("event_time"))
    return Batch(
        checked=checked,
        end=block.end,
        rows=encoded(table),
        touched=encoded(touched),
        first=edges["min"].as_py(),
        last=edges["max"].as_py(),
        doubled=_distinct(table.column("event_id")) < len(table),
    )


def _distinct(ids: pa.ChunkedArray) -> int:
    counted: int = pc.count_distinct(ids).as_py()
    return counted
