"""The words of dunning: what a tenant owes, what is done on the ladder, and where a case stands on it.

A standing is the whole memory of a case's recovery. `billing.ladder` moves it; nothing else does.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from billing.calendars import BusinessCalendar
from billing.counted_time import Stop
from billing.money import Money
from billing.payments import Receivable
from billing.rungs import Rung
from billing.tenants import Tier


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Debt(_Record):
    """What is owed, net, on one invoice. `since` is when it became overdue; while `disputed` its chase rests.

    `usage_only`: it bills no plan, so that it never costs the customer the plan.
    """

    invoice_id: str
    number: str
    since: AwareDatetime
    net: Money
    disputed: bool = False
    usage_only: bool = False


class Contest(_Record):
    """A dispute about an invoice that the customer opened with us; `closed_at` None until it is decided."""

    invoice_id: str
    opened_at: AwareDatetime
    closed_at: AwareDatetime | None = None


def debts_of(receivables: Iterable[Receivable]) -> tuple[Debt, ...]:
    """The debts among freshly read receivables, oldest first: overdue, net above zero and large enough to be charged."""
    debts = (
        Debt(
            invoice_id=one.invoice_id,
            number=one.number,
            since=one.overdue_since,
            net=one.remaining,
            disputed=one.disputed,
            usage_only=one.usage_only,
        )
        for one in receivables
        if one.overdue_since is not None and one.is_debt
    )
    return oldest_first(debts)


def oldest_first(debts: Iterable[Debt]) -> tuple[Debt, ...]:
    """Debts by the moment they became overdue, then by invoice, so that equal ones never change places."""
    return tuple(sorted(debts, key=lambda debt: (debt.since, debt.invoice_id)))


class ActionKind(StrEnum):
    """What a case does next; of two that are due at the same moment, the one declared first goes first."""

    PROMISE_DUE = "promise_due"
    EXEMPTION_OVER = "exemption_over"
    FINAL_WARNING = "final_warning"
    ENTER_RUNG = "enter_rung"
    DELETION_NOTICE = "deletion_notice"
    HAND_TO_PURGE = "hand_to_purge"
    ACCOUNT_MANAGER = "account_manager"
    REMINDER = "reminder"


class Action(_Record):
    """One step and when it is due, never before now. `name` is a fact about the step, such as `reminder-2`, and unlike
    every other of the case: where the ladder was eased and climbs again it ends in the turn, `reminder-2-turn-2`.

    `rung` is where ENTER_RUNG and HAND_TO_PURGE lead. `number` counts reminders and contacts from 1, and is the days of a
    DELETION_NOTICE as the policy counts them; 0 otherwise.
    """

    kind: ActionKind
    at: AwareDatetime
    name: str
    rung: Rung | None = None
    number: int = 0


class Promise(_Record):
    """The customer pays until the end of `by_day` in its zone, the moment `until`; the ladder waits for it."""

    by_day: date
    made_at: AwareDatetime
    until: AwareDatetime


class Standing(_Record):
    """Where a case stands. It survives a worker, a release and a continued run: everything else is derived from it.

    `entered` says when each rung up to the present one was entered, `done` when each step was taken, by its name without
    the turn. `told` is the earliest moment of the next rung that the customer was told; nothing comes before it.
    `stopped` are holds on the tenant, `disputes` stop the time of one invoice. `exempted_for` is how long earlier exemptions
    lasted, `promises` how many were given. `contacts` are the dunning mails that count
    for the contact budget. `shortened_at` is when a change of tier last shortened the grace. `turn` counts from 1 how
    often the ladder began again further down.
    """

    tier: Tier
    calendar: BusinessCalendar
    opened_at: AwareDatetime
    debts: tuple[Debt, ...] = ()
    rung: Rung = Rung.RETRYING
    entered: dict[Rung, AwareDatetime] = Field(default_factory=dict)
    done: dict[str, AwareDatetime] = Field(default_factory=dict)
    told: AwareDatetime | None = None
    turn: int = 1
    stopped: tuple[Stop, ...] = ()
    disputes: dict[str, tuple[Stop, ...]] = Field(default_factory=dict)
    grace_extra: timedelta = timedelta(0)
    exemption: Stop | None = None
    exempted_for: timedelta = timedelta(0)
    promise: Promise | None = None
    promises: int = 0
    shortened_at: AwareDatetime | None = None
    contacts: tuple[AwareDatetime, ...] = ()

    @property
    def zone(self) -> str:
        """The tenant's time zone, in which days and office hours are its own."""
        return self.calendar.zone

    @property
    def chased(self) -> tuple[Debt, ...]:
        """The debts that are not disputed."""
        return tuple(debt for debt in self.debts if not debt.disputed)

    @property
    def anchor(self) -> AwareDatetime | None:
        """Since when the oldest debt is overdue that is chased, or of all when every one is disputed; None without debts."""
        oldest = (self.chased or self.debts)[:1]
        return oldest[0].since if oldest else None

    @property
    def owed(self) -> tuple[Money, ...]:
        """The net due of all debts, one amount for each currency in the order of its oldest invoice."""
        sums: dict[str, Money] = {}
        for debt in self.debts:
            sums[debt.net.currency] = sums.get(debt.net.currency, Money.zero(debt.net.currency)) + debt.net
        return tuple(sums.values())
