"""Rows that were set aside: listed, looked at, let in after another check, or discarded, always by a person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, RowMapping, Select, select, update

from adapters.postgres.engine import transaction
from adapters.postgres.tables import usage_loads, usage_quarantine
from adapters.postgres.usage_intake.batches import Batch, prepare
from adapters.postgres.usage_intake.intake import bounds, make_room
from adapters.postgres.usage_intake.storing import Stored, store
from adapters.usage_files.columns import COLUMNS
from adapters.usage_files.json_lines import add_object
from adapters.usage_files.rows import Rows
from billing.failures import BillingFailure, FailureCode
from billing.policy.usage_intake import UsageIntakePolicy
from billing.usage import QuarantinedRow, QuarantineState, Release
from billing.wording import listed

RELEASED_AT_ONCE_MAX = 10_000
_AT_ANY_TIME = datetime(1, 1, 1, tzinfo=UTC)

_entry = usage_quarantine.c


class Quarantine:
    """The rows in quarantine; an entry never disappears, it is settled."""

    def __init__(self, engine: Engine, policy: UsageIntakePolicy, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._policy = policy
        self._now = now

    def rows(
        self, state: QuarantineState | None = QuarantineState.HELD, *, load_id: str | None = None, limit: int = 100
    ) -> list[QuarantinedRow]:
        """The oldest rows of a state (None: of every one), of one load or of all."""
        wanted = _rows().order_by(_entry.entry_id).limit(limit)
        if state is not None:
            wanted = wanted.where(_entry.state == state)
        if load_id is not None:
            wanted = wanted.where(_entry.load_id == load_id)
        with transaction(self._engine) as connection:
            return [_row(found) for found in connection.execute(wanted).mappings()]

    def row(self, entry_id: int) -> QuarantinedRow:
        """Raises NOT_FOUND."""
        with transaction(self._engine) as connection:
            return self._named(connection, [entry_id])[0]

    def held_of(self, load_id: str) -> list[int]:
        """The entries of a load that wait, at most as many as are released at once."""
        return [row.entry_id for row in self.rows(load_id=load_id, limit=RELEASED_AT_ONCE_MAX)]

    def release(self, entry_ids: Sequence[int], by: str) -> Release:
        """Check the rows again and let in what is usage now; what still is not stays, with today's reason.

        A person's word stands for the policy on how long after its closing a period takes usage: such a row is late and
        billed on the next invoice. Raises NOT_FOUND, and CONFLICT for a row that is settled.
        """
        with transaction(self._engine) as connection:
            entries = self._named(connection, entry_ids)
        batch = self._checked_again(entries)
        make_room(self._engine, batch)
        with transaction(self._engine) as connection:
            entries = self._held(connection, entry_ids)
            made = store(connection, batch, _AT_ANY_TIME)
            return self._settle_released(connection, entries, made, by)

    def discard(self, entry_ids: Sequence[int], by: str) -> int:
        """Leave the rows out for good. Raises NOT_FOUND, and CONFLICT for a row that was released; one that was
        discarded before stays as it is."""
        with transaction(self._engine) as connection:
            entries = self._named(connection, entry_ids, lock=True)
            released = [entry for entry in entries if entry.state is QuarantineState.RELEASED]
            if released:
                raise _settled(released)
            held = [entry.entry_id for entry in entries if entry.state is QuarantineState.HELD]
            self._settle(connection, held, QuarantineState.DISCARDED, by)
            return len(held)

    def _checked_again(self, entries: Sequence[QuarantinedRow]) -> Batch:
        """The rows as they were sent, checked as if they came now; their line is their entry's id."""
        rows = Rows(COLUMNS)
        for entry in entries:
            add_object(rows, entry.entry_id, entry.row)
        return prepare(rows.block(len(entries)), bounds(self._policy, self._now()))

    def _settle_released(
        self, connection: Connection, entries: Sequence[QuarantinedRow], made: Stored, by: str
    ) -> Release:
        flaws = {flaw.line: flaw for flaw in made.flaws}
        for why in flaws.values():
            renamed = update(usage_quarantine).where(_entry.entry_id == why.line)
            connection.execute(renamed.values(field=why.field, reason=why.reason))
        let_in = [entry.entry_id for entry in entries if entry.entry_id not in flaws]
        self._settle(connection, let_in, QuarantineState.RELEASED, by)
        refused = (
            entry.model_copy(update={"field": flaw.field, "reason": flaw.reason})
            for entry in entries
            if (flaw := flaws.get(entry.entry_id))
        )
        return Release(released=tuple(let_in), known=made.known, late=made.late, refused=tuple(refused))

    def _settle(self, connection: Connection, entry_ids: Sequence[int], state: QuarantineState, by: str) -> None:
        settled = update(usage_quarantine).where(_entry.entry_id.in_(entry_ids), _entry.state == QuarantineState.HELD)
        connection.execute(settled.values(state=state, settled_by=by, settled_at=self._now()))

    def _held(self, connection: Connection, entry_ids: Sequence[int]) -> list[QuarantinedRow]:
        """The entries, locked, all of them still waiting."""
        entries = self._named(connection, entry_ids, lock=True)
        if settled := [entry for entry in entries if entry.state is not QuarantineState.HELD]:
            raise _settled(settled)
        return entries

    def _named(self, connection: Connection, entry_ids: Sequence[int], *, lock: bool = False) -> list[QuarantinedRow]:
        wanted = _rows().where(_entry.entry_id.in_(entry_ids)).order_by(_entry.entry_id)
        if lock:
            wanted = wanted.with_for_update(of=usage_quarantine)
        entries = [_row(found) for found in connection.execute(wanted).mappings()]
        if missing := sorted(set(entry_ids) - {entry.entry_id for entry in entries}):
            raise BillingFailure(FailureCode.NOT_FOUND, f"there is no quarantined row {listed([*map(str, missing)])}")
        return entries


def _rows() -> Select[tuple[object, ...]]:
    return select(usage_quarantine, usage_loads.c.source).join(usage_loads, usage_loads.c.load_id == _entry.load_id)


def _row(found: RowMapping) -> QuarantinedRow:
    return QuarantinedRow.model_validate(dict(found))


def _settled(entries: Sequence[QuarantinedRow]) -> BillingFailure:
    words = [f"{entry.entry_id} was {entry.state} by {entry.settled_by}" for entry in entries]
    return BillingFailure(FailureCode.CONFLICT, f"settled already: {listed(words, at_most=5)}")
