"""The words of the daily validation of usage: what it is asked, what it found, how it ends."""

from datetime import date
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from billing.cases import StoryLine
from billing.rollups import RollUpFinding
from billing.usage import RepeatedEvent


class Ending(StrEnum):
    """How a validation ends; each has a kept history that is replayed."""

    AGREES = "roll-ups agree with the events"
    PEOPLE_TOLD = "people were told what to look at"
    NOT_VALIDATED = "could not be validated"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class ValidationOrder(_Record):
    """Validate the days before `day`; without one the nominal time of the schedule says it, in UTC."""

    day: date | None = None


class UsageReport(_Record):
    """What was looked at and found in the local days `[first, end)`; lists hold the first of each.

    `made` counts the days that were rolled up before, `repeated` the ids that are stored under several times, `waiting`
    the rows in quarantine that nobody has settled.
    """

    first: date
    end: date
    made: int
    disagreeing: int
    findings: tuple[RollUpFinding, ...] = ()
    repeated: int
    repeated_events: tuple[RepeatedEvent, ...] = ()
    waiting: int

    @property
    def clean(self) -> bool:
        """Whether nobody needs to look at anything."""
        return not (self.disagreeing or self.repeated or self.waiting)


class ValidationStory(_Record):
    """A validation as it tells itself."""

    case_id: str
    report: UsageReport | None
    ending: Ending | None
    timeline: tuple[StoryLine, ...]


def workflow_id(day: date) -> str:
    """A day is validated under one name, whoever starts it."""
    return f"usage-validation/{day}"
