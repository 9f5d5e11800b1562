"""What thousands of cases pin alike is kept in memory once: the policy and the working days that were in force."""

from functools import lru_cache
from typing import TypeVar

from pydantic import AfterValidator, BaseModel

Pinned = TypeVar("Pinned", bound=BaseModel)
# More than policies and calendars that are in force at one time; whatever is beyond is a copy more.
_DIFFERENT = 256


def shared(pinned: Pinned) -> Pinned:
    """The same frozen record, as the one object that every equal one in this process is."""
    known: Pinned = _read(type(pinned), pinned.model_dump_json())
    return known


SHARED = AfterValidator(shared)
"""For fields of records that many cases keep: `policy: Annotated[Policy, SHARED]`."""


@lru_cache(_DIFFERENT)
def _read(kind: type[Pinned], text: str) -> Pinned:
    return kind.model_validate_json(text)
