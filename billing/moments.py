"""Moments as others write them, held to a time that every calendar can compute with and every table keeps."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime

_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def known_moment(moment: datetime) -> datetime:
    """Return an aware moment unchanged; raises ValueError for one before 2000 or from 2100 on.

    At the ends of time a change of zone overflows, and Postgres reads back a year that Python does not know.
    """
    if not _EARLIEST <= moment < _LATEST:
        raise ValueError(f"write a moment between {_EARLIEST.year} and {_LATEST.year}, such as 2026-11-21T09:00:00Z")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(known_moment)]
