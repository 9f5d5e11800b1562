"""What is killed where: every step of a dispute with an effect of its own, and the four moments at which a worker dies."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Moment(StrEnum):
    """When the worker dies, seen from the effect of its step; after RETURNED the runbook still has not moved on."""

    BEFORE = "before send"
    """The next thing would have been the effect: the COMMIT, the request to Stripe, the letter."""
    UNREAD = "answer unread"
    """The effect came about; no line of ours ran since."""
    READ = "answer read"
    """The adapter's answer is in hand and nothing was made of it."""
    RETURNED = "result returned"
    """The activity is done; its result was not reported to Temporal."""


class Through(StrEnum):
    """Where a step has its effect, which decides how the moments are caught."""

    POSTGRES = "Postgres"
    """The first transaction that writes something."""
    NOTHING = "nothing, it only reads"
    """The first transaction."""
    STRIPE = "Stripe"
    MAIL = "mail"


class Tale(StrEnum):
    """The story in which a step occurs (`tests.crash.stories`)."""

    LONG_WAY = "the long way to a credit"
    SILENCE = "nobody answers"
    WAY_BACK = "all the way down, and back by a new card"
    ARRANGED = "everything is arranged by people"
    PURGED = "given up and deleted"
    HEARD = "charged, declined, and heard of by events"
    CAPPED = "more was used than allowed"


@dataclass(frozen=True)
class Step:
    """One activity, for letters perhaps only one template, for the ladder one rung; the first time it is reached counts.

    `port` is the one through which the effect goes, where an activity has several.
    """

    activity: str
    through: Through
    tale: Tale = Tale.LONG_WAY
    template: str | None = None
    port: str | None = None

    @property
    def name(self) -> str:
        """As the table shows it."""
        about = ", ".join(word for word in (self.template, self.port) if word)
        return f"{self.activity} ({about})" if about else self.activity


@dataclass(frozen=True)
class Kill:
    """One death: in which step, at which moment; `one_of_many` workers that die in one run, each as its answer arrives."""

    step: Step
    moment: Moment
    one_of_many: bool = False

    @property
    def by_parent(self) -> bool:
        """Whether the outside holds its answer back and the worker is killed from outside while it waits for it."""
        outside = self.step.through in (Through.STRIPE, Through.MAIL)
        return self.moment is Moment.UNREAD and outside and not self.one_of_many

    def is_about(self, activity: str, done: str | None) -> bool:
        """Whether an attempt at this activity, which does that, is the one that dies."""
        return activity == self.step.activity and self.step.template in (None, done)

    def __str__(self) -> str:
        return f"{self.step.name}, {self.moment}"


ISSUE_CREDIT = Step("issue_credit", Through.STRIPE)
# The one letter that may never arrive twice: a customer who is asked twice would not know which question counts.
QUESTION = Step("write_to_customer", Through.MAIL, template="customer_asked")

STEPS = (
    Step("open_dispute", Through.POSTGRES),
    Step("write_to_customer", Through.MAIL, template="dispute_acknowledged"),
    Step("write_to_operators", Through.MAIL, template="case_escalated"),
    Step("collect_evidence", Through.POSTGRES),
    Step("analyse_evidence", Through.POSTGRES),
    Step("propose_credit", Through.POSTGRES),
    Step("ask_for_approval", Through.POSTGRES),
    QUESTION,
    Step("check_permission", Through.NOTHING),
    Step("check_judgement", Through.NOTHING),
    Step("withdraw_credit", Through.POSTGRES),
    Step("decide_approval", Through.POSTGRES),
    Step("climb_approval", Through.POSTGRES, Tale.SILENCE),
    Step("expire_approval", Through.POSTGRES, Tale.SILENCE),
    ISSUE_CREDIT,
    Step("record_resolution", Through.POSTGRES),
    Step("note_on_ticket", Through.POSTGRES),
)

EVERY_KILL = tuple(Kill(step, moment) for step in STEPS for moment in Moment)
