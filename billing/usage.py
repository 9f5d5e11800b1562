"""Usage on its way in: what a load came to, and the rows that were set aside until a person decides."""

from datetime import date
from decimal import Decimal
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class RefusedRow(_Record):
    """A row that was set aside: its place in the file or batch, from 1, the field, and why, in words after its name."""

    line: int
    field: str
    reason: str


class LoadReport(_Record):
    """What became of a file's rows. `known` were stored before; `late` are among the `stored`, of a closed period.

    `position` counts the rows that are done with, of `rows`; a load that was interrupted goes on there.
    """

    load_id: str
    source: str
    rows: int
    position: int
    stored: int = 0
    known: int = 0
    late: int = 0
    quarantined: int = 0
    done: bool = False


class BatchReport(_Record):
    """What became of the events of one request; every one is stored, known or among `refused`."""

    load_id: str
    stored: int
    known: int
    late: int
    refused: tuple[RefusedRow, ...]


class QuarantineState(StrEnum):
    """What became of a row that was set aside; only a person releases or discards it."""

    HELD = "held"
    RELEASED = "released"
    DISCARDED = "discarded"


class QuarantinedRow(RefusedRow):
    """A row in quarantine; `row` is what was sent, as text by column."""

    entry_id: int
    load_id: str
    source: str
    row: dict[str, str | None]
    state: QuarantineState
    received_at: AwareDatetime
    settled_by: str | None = None
    settled_at: AwareDatetime | None = None


class Release(_Record):
    """What a release came to: entries that were let in (of them `known` were stored before, `late` are of a closed
    period), and those that still cannot be, with the reason as of now."""

    released: tuple[int, ...]
    known: int
    late: int
    refused: tuple[QuarantinedRow, ...]


class RepeatedEvent(_Record):
    """One event id that is stored under several times: usage that may be billed more than once."""

    event_id: str
    tenant_id: str
    meter: str
    times: tuple[AwareDatetime, ...]


class UsageDay(_Record):
    """A tenant's local day of one meter: the sum of its events and how many they are."""

    tenant_id: str
    meter: str
    day: date
    quantity: Decimal
    events: int
