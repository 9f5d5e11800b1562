"""The words of the daily collection: what it charges for the first time, what it only reads, and how it ends."""

from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from billing.cases import StoryLine
from billing.policy.payments import PaymentPolicy

COLLECTION = "payment-collection"
"""The workflow type, the schedule's id, and the case that its attempts are filed under."""

# What it answers to.
STORY = "story"


class Ending(StrEnum):
    """How a collection ends; each has a kept history that is replayed."""

    COLLECTED = "collected"
    NOTHING_DUE = "nothing was due"
    NOT_FINISHED = "not finished"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class DueInvoice(_Record):
    """An invoice that fell due and that nobody collects. `charged`: from the payment method on record; else the customer
    pays on receipt, and it is only read. `unknown_since`: its charge began then, and nobody knows what became of it."""

    invoice_id: str
    tenant_id: str
    charged: bool
    unknown_since: AwareDatetime | None = None


class DuePage(_Record):
    """Some of what fell due, and the policy to collect it by."""

    invoices: tuple[DueInvoice, ...]
    policy: PaymentPolicy


class Totals(_Record):
    """What a collection has come to so far, in invoices."""

    paid: Annotated[int, Field(ge=0)] = 0
    declined: Annotated[int, Field(ge=0)] = 0
    unknown: Annotated[int, Field(ge=0)] = 0
    held: Annotated[int, Field(ge=0)] = 0
    read: Annotated[int, Field(ge=0)] = 0

    @property
    def anything(self) -> bool:
        """Whether there was anything to do."""
        return any((self.paid, self.declined, self.unknown, self.held, self.read))

    def in_words(self) -> str:
        """For the story, such as `12 paid, 1 declined`."""
        words = [f"{count:,} {name}" for name, count in self if count]
        return ", ".join(words) or "nothing"


class CollectionOrder(_Record):
    """One collection; the later fields carry one that goes on in a new run."""

    after: str = ""
    totals: Totals = Totals()


class CollectionStory(_Record):
    """What a collection tells of itself."""

    totals: Totals
    next_step: str
    ending: Ending | None = None
    began_at: AwareDatetime
    timeline: tuple[StoryLine, ...] = ()
