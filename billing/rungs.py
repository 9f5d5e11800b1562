"""The ladder's rungs, in their order."""

from __future__ import annotations

from enum import StrEnum


class Rung(StrEnum):
    """A place on the ladder, declared from the mildest to the last (I10); none is ever skipped on the way up."""

    RETRYING = "retrying"
    GRACE = "grace"
    RATE_LIMITED = "rate_limited"
    BLOCKED = "blocked"
    SUSPENDED = "suspended"
    AWAITING_DELETION = "awaiting_deletion"

    @property
    def place(self) -> int:
        """Its place in the order, from 0; compare rungs by it, not by their names."""
        return _PLACES[self]

    @property
    def next(self) -> Rung | None:
        """The rung above; None on the last."""
        return _ABOVE.get(self)


_PLACES = {rung: place for place, rung in enumerate(Rung)}
_ABOVE = dict(zip(list(Rung), list(Rung)[1:], strict=False))
