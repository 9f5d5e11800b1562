"""The ladder's numbers: grace, reminders, how service is reduced step by step, and how often a debtor is written to.

Read together with `billing.ladder`; `docs/dunning-policy.md` shows what they come to for each tier (I6, I10).
"""

from datetime import time, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from billing.authority import Role
from billing.rungs import Rung
from billing.tenants import Tier

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

_Wait = Annotated[timedelta, Field(gt=timedelta(0))]
_Stay = Annotated[timedelta, Field(ge=timedelta(0))]
Days = Annotated[int, Field(ge=1)]


class Notice(StrEnum):
    """What a debtor is written about."""

    PAYMENT_FAILED = "payment_failed"
    ANOTHER_PAYMENT_FAILED = "another_payment_failed"
    REMINDER = "reminder"
    FINAL_WARNING = "final_warning"
    SERVICE_REDUCED = "service_reduced"
    DELETION = "deletion"
    RESTORED = "restored"
    PROMISE_NOTED = "promise_noted"


class TierDunning(BaseModel):
    """One tier's row (I6), counted from the failed payment; `account_manager` are contacts by a person instead of mail."""

    model_config = ConfigDict(frozen=True)

    grace: _Stay
    reminders: tuple[_Wait, ...] = ()
    account_manager: tuple[_Wait, ...] = ()

    @model_validator(mode="after")
    def _contacts_climb(self) -> Self:
        for name, waits in (("reminders", self.reminders), ("account_manager", self.account_manager)):
            if list(waits) != sorted(set(waits)):
                raise ValueError(f"{name} must climb, got {[str(wait) for wait in waits]}")
        return self

    def accelerated(self, speed: int) -> Self:
        """The same row, every duration divided by `speed`."""
        return self.model_copy(
            update={
                "grace": self.grace / speed,
                "reminders": tuple(wait / speed for wait in self.reminders),
                "account_manager": tuple(wait / speed for wait in self.account_manager),
            }
        )


class ContactPolicy(BaseModel):
    """The contact budget: at most `at_most` dunning mails `within` any stretch of time, `apart` from each other, between
    `opens` and `closes` on business days of the tenant's own calendar. Notices in `required` leave at once; they count.

    `at_any_hour` is the sandbox's: a day that plays in seconds has no office hours.
    """

    model_config = ConfigDict(frozen=True)

    at_most: Annotated[int, Field(ge=1)]
    within: _Wait
    apart: _Wait
    opens: time
    closes: time
    required: frozenset[Notice]
    at_any_hour: bool = False

    @model_validator(mode="after")
    def _opens_before_it_closes(self) -> Self:
        if not self.opens < self.closes:
            raise ValueError(f"mails leave from {self.opens} to {self.closes}: the end must come after the beginning")
        if self.apart * self.at_most > self.within:
            raise ValueError(f"{self.at_most} mails {self.apart} apart do not fit into {self.within}")
        return self

    def accelerated(self, speed: int) -> Self:
        """The same budget, every duration divided by `speed`, at any hour."""
        return self.model_copy(update={"within": self.within / speed, "apart": self.apart / speed, "at_any_hour": True})


class ArrangementPolicy(BaseModel):
    """How far operators may go, in days of one case in all. `extension` is what each role may grant alone; more needs the
    approval of somebody who may. `exemption` is what each may approve, since nobody grants one alone. A promise is at most
    `promise_within` days away, and a case has at most `promises` of them.
    """

    model_config = ConfigDict(frozen=True)

    extension: dict[Role, Days]
    exemption: dict[Role, Days]
    promise_within: Days
    promises: Annotated[int, Field(ge=1)]


class DunningPolicy(BaseModel):
    """Every number of the ladder. A rung's `least_stay` counts from the moment it was really entered, so that whoever was
    late on our side does not take the customer's time; in grace it counts from the final warning when that comes later.

    `block_after` and `suspend_after` count from the end of grace, `kept_for` from the suspension. Debts for usage alone
    climb no higher than `usage_only_up_to`. `day` is how long a day takes, which the sandbox shortens with the rest.
    """

    model_config = ConfigDict(frozen=True)

    tiers: dict[Tier, TierDunning]
    retried_for: _Stay
    warn_before: _Wait
    limited_share: Annotated[Decimal, Field(gt=0, lt=1)]
    block_after: _Wait
    suspend_after: _Wait
    kept_for: _Wait
    deletion_notices: tuple[_Wait, ...]
    least_stay: dict[Rung, _Stay]
    usage_only_up_to: Rung
    contact: ContactPolicy
    arrangements: ArrangementPolicy
    day: _Wait = DAY

    @model_validator(mode="after")
    def _every_tier_and_rung_is_provided_for(self) -> Self:
        missing = [tier.value for tier in Tier if tier not in self.tiers]
        missing += [rung.value for rung in Rung if rung.next and rung not in self.least_stay]
        if missing:
            raise ValueError(f"nothing says how {', '.join(missing)} is chased")
        return self

    @model_validator(mode="after")
    def _grace_has_room_for_the_retries(self) -> Self:
        least = self.retried_for + self.least_stay[Rung.GRACE]
        for tier, row in self.tiers.items():
            if timedelta(0) < row.grace < least:
                raise ValueError(
                    f"the grace of {tier} ({row.grace}) is none, or at least {least}: retries and least stay"
                )
        return self

    @model_validator(mode="after")
    def _rungs_climb(self) -> Self:
        if not self.block_after < self.suspend_after:
            raise ValueError(
                f"blocked after {self.block_after}, suspended after {self.suspend_after}: rungs must climb"
            )
        gaps = {
            Rung.RATE_LIMITED: self.block_after,
            Rung.BLOCKED: self.suspend_after - self.block_after,
            Rung.SUSPENDED: self.kept_for,
        }
        for rung, gap in gaps.items():
            if self.least_stay[rung] > gap:
                raise ValueError(f"least_stay: {rung} lasts {gap}, which is less than {self.least_stay[rung]}")
        if self.least_stay[Rung.SUSPENDED] != self.kept_for:
            raise ValueError(f"least_stay: data of a suspended account is kept for {self.kept_for}, never less")
        return self

    @model_validator(mode="after")
    def _notices_of_deletion_come_before_it(self) -> Self:
        notices = (self.kept_for, *self.deletion_notices)
        if any(earlier <= later for earlier, later in pairwise(notices)):
            raise ValueError(
                f"deletion_notices must fall and fit into {self.kept_for}, got {[str(n) for n in notices]}"
            )
        return self

    @model_validator(mode="after")
    def _usage_never_costs_the_plan(self) -> Self:
        if self.usage_only_up_to.place >= Rung.SUSPENDED.place:
            raise ValueError(f"usage_only_up_to: unpaid usage must not end the plan, got {self.usage_only_up_to}")
        return self

    def days(self, span: timedelta) -> int:
        """A span of this policy in its own days, as people count them: 7 for the grace of pro at any pace."""
        return round(span / self.day)

    def accelerated(self, speed: int) -> Self:
        """The same ladder, every duration divided by `speed`; shares and counts stay."""
        scaled = ("retried_for", "warn_before", "block_after", "suspend_after", "kept_for", "day")
        return self.model_copy(
            update={
                **{name: getattr(self, name) / speed for name in scaled},
                "tiers": {tier: row.accelerated(speed) for tier, row in self.tiers.items()},
                "deletion_notices": tuple(notice / speed for notice in self.deletion_notices),
                "least_stay": {rung: stay / speed for rung, stay in self.least_stay.items()},
                "contact": self.contact.accelerated(speed),
            }
        )


# In force, and what a bundle means that was pinned before it knew dunning.
DUNNING = DunningPolicy(
    tiers={
        Tier.ENTERPRISE: TierDunning(grace=14 * DAY, account_manager=(14 * DAY, 30 * DAY)),
        Tier.PRO: TierDunning(grace=7 * DAY, reminders=(7 * DAY, 14 * DAY, 21 * DAY)),
        Tier.FREE: TierDunning(grace=timedelta(0)),
    },
    retried_for=48 * HOUR,
    warn_before=7 * DAY,
    limited_share=Decimal("0.10"),
    block_after=3 * DAY,
    suspend_after=7 * DAY,
    kept_for=90 * DAY,
    deletion_notices=(30 * DAY, 7 * DAY),
    least_stay={
        Rung.RETRYING: timedelta(0),
        Rung.GRACE: 2 * DAY,
        Rung.RATE_LIMITED: 2 * DAY,
        Rung.BLOCKED: 2 * DAY,
        Rung.SUSPENDED: 90 * DAY,
    },
    usage_only_up_to=Rung.BLOCKED,
    contact=ContactPolicy(
        at_most=2,
        within=7 * DAY,
        apart=48 * HOUR,
        opens=time(9),
        closes=time(18),
        # What the customer must know before or when rights change, or has just asked for; waiting would cost it days.
        required=frozenset(Notice) - {Notice.REMINDER, Notice.ANOTHER_PAYMENT_FAILED},
    ),
    arrangements=ArrangementPolicy(
        extension={Role.AGENT: 3, Role.ACCOUNT_MANAGER: 7, Role.LEAD: 7, Role.FINANCE: 14, Role.VP: 30},
        exemption={Role.LEAD: 14, Role.VP: 90},
        promise_within=14,
        promises=2,
    ),
)
