"""The words of the hourly check of usage against caps: what it is asked, what it found and did, how it ends."""

from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict

from billing.cases import StoryLine
from billing.wording import counted, listed


class Ending(StrEnum):
    """How a check ends; each has a kept history that is replayed."""

    CHECKED = "usage was held against its caps"
    LETTERS_WAIT = "usage was held against its caps, and letters wait for the mail"
    NOT_CHECKED = "usage could not be held against its caps"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class LimitsOrder(_Record):
    """Check now; `at` is the moment that the check is named after, the nominal time of the schedule when there is none."""

    at: AwareDatetime | None = None


class LimitsReport(_Record):
    """What a check found: tenants near or beyond a cap, and of their limits how many it set, lifted, and left because
    suspension is held. `letters` are new; `changes` says the first of what was done, in sentences."""

    near: int = 0
    limited: int = 0
    lifted: int = 0
    held: int = 0
    letters: int = 0
    changes: tuple[str, ...] = ()

    def in_words(self) -> str:
        """Such as `3 tenants near or beyond a cap: 1 limited, 2 letters to write`."""
        done = [
            f"{self.limited:,} limited" if self.limited else "",
            f"{self.lifted:,} lifted" if self.lifted else "",
            f"{self.held:,} left as they are while suspension is held" if self.held else "",
            f"{counted(self.letters, 'letter')} to write" if self.letters else "",
        ]
        told = listed([words for words in done if words])
        return f"{counted(self.near, 'tenant')} near or beyond a cap: {told or 'nothing to do'}"


class LettersRound(_Record):
    """One round of letters: how many left, or never can; how many the mail did not take now; whether it was the `last`."""

    settled: int
    kept_back: int
    last: bool


class LimitsStory(_Record):
    """A check as it tells itself."""

    case_id: str
    report: LimitsReport | None
    ending: Ending | None
    timeline: tuple[StoryLine, ...]


def workflow_id(at: AwareDatetime) -> str:
    """A check is named after its minute, in UTC, whoever starts it."""
    return f"usage-limits/{at:%Y-%m-%dT%H:%M}"
