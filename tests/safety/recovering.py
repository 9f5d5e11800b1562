"""A tenant's recovery without Temporal, for the state machine: a bank that watches, a case that is played by the rules of the
product, and a second, simpler book of the time that counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from activities.ports import Wire
from billing.access import Restriction
from billing.announcing import announced_at, is_read, is_said_by
from billing.calendars import BusinessCalendar
from billing.delinquency import Action, ActionKind, Debt, Standing
from billing.holds import HeldEffect, Hold
from billing.ladder import contacted, next_action, opened, performed, restriction_of, told_what_follows
from billing.ladder_moves import anchored, resumed, stopped
from billing.money import Money
from billing.policy.dunning import DUNNING
from billing.rungs import Rung
from billing.tenants import Tier
from tests.fakes.collector import Charge, FakeCollector

NOTHING = timedelta(0)
_WARNED_TIERS = (Tier.PRO, Tier.ENTERPRISE)


@dataclass
class Board:
    """Holds on one tenant, in memory."""

    held: dict[HeldEffect, Hold] = field(default_factory=dict)

    def in_force(self, effect: HeldEffect | None = None) -> tuple[Hold, ...]:
        return tuple(hold for one, hold in self.held.items() if effect in (None, one))


@dataclass
class WatchedBank(FakeCollector):
    """Notes every charge that should not have been asked for, at the moment at which it is."""

    wrongs: list[str] = field(default_factory=list)
    may_charge: Callable[[str], bool] = lambda _: True

    def _charged(self, wire: Wire, amount: Money, answer: str) -> Charge:
        one = self.billed[wire.params["invoice_id"]]
        named = one.invoice.invoice_id
        under_way = [charge for charge in self.charges if charge.invoice_id == named and not charge.settled]
        if amount.minor > one.remaining:
            self.wrongs.append(f"{amount} was asked for on {named}, of which {one.remaining} was due")
        if under_way:
            self.wrongs.append(f"{named} was charged while {under_way[0].op_key} was under way")
        if not self.may_charge(named):
            self.wrongs.append(f"{named} was charged although it is held or contested")
        return super()._charged(wire, amount, answer)

    def refunds(self, invoice_id: str, minor: int) -> None:
        one = self.billed[invoice_id]
        if not one.remaining:
            one.reopened_at = None
        super().refunds(invoice_id, minor)

    def charges_back(self, invoice_id: str) -> None:
        one = self.billed[invoice_id]
        if not one.remaining:
            one.reopened_at = None
        super().charges_back(invoice_id)


@dataclass
class Hourglass:
    """The time that counts, kept by adding it up as it passes: held to the rules, which work it out from moments."""

    counted: dict[str, timedelta] = field(default_factory=dict)
    ladder: timedelta = NOTHING
    promise_left: timedelta = NOTHING
    exempt_until: datetime | None = None

    def pass_time(self, start: datetime, end: datetime, debts: tuple[Debt, ...], *, held: bool) -> None:
        """Let time pass for the debts that are chased."""
        if held:
            return
        rests_until = max(start + self.promise_left, self.exempt_until or start)
        runs = max(NOTHING, end - max(start, rests_until))
        self.promise_left = max(NOTHING, self.promise_left - (end - start))
        self.ladder += runs
        for debt in debts:
            if not debt.disputed:
                self.counted[debt.invoice_id] += runs

    def keep(self, debts: tuple[Debt, ...], now: datetime) -> None:
        """Forget what is settled. What was too small to be chased and has grown is as old as it is."""
        self.counted = {debt.invoice_id: self.counted.get(debt.invoice_id, now - debt.since) for debt in debts}

    def over(self) -> None:
        """The case is closed, and what was arranged in it with it."""
        self.promise_left, self.exempt_until, self.counted = NOTHING, None, {}


@dataclass
class PlayedCase:
    """One tenant's case, played as the runbook plays it: look, do what is due, wait; it checks each step it takes."""

    calendar: BusinessCalendar
    tier: Tier
    standing: Standing | None = None
    service: Restriction = Restriction.NONE
    glass: Hourglass = field(default_factory=Hourglass)
    names: set[str] = field(default_factory=set)
    mails: list[datetime] = field(default_factory=list)
    mails_before: int = 0
    told_of: frozenset[str] = frozenset()
    warned: bool = False
    entered: timedelta = NOTHING

    def look(self, debts: tuple[Debt, ...], now: datetime, *, held: bool) -> None:
        """Take in what is owed and held now; nothing owed ends the case, at once and with full service."""
        self.glass.keep(debts, now)
        if not debts:
            self.standing, self.service, self.warned = None, Restriction.NONE, False
            self.told_of, self.mails_before = frozenset(), len(self.mails)
            self.glass.over()
            return
        if self.standing is None:
            self.standing = opened(self.tier, self.calendar, debts, now, DUNNING)
            self.names, self.entered = set(), self.glass.ladder
        else:
            self.moves(anchored(self.standing, debts, now, DUNNING), now)
        is_held = any(stop.is_open for stop in self.standing.stopped)
        if held and not is_held:
            self.moves(stopped(self.standing, now), now)
        elif is_held and not held:
            self.moves(resumed(self.standing, now), now)

    def moves(self, standing: Standing, now: datetime) -> None:
        """Something other than time moved the case: never up. What is eased by it is told."""
        before = self.standing
        assert before is not None
        assert standing.rung.place <= before.rung.place, f"{before.rung} was raised to {standing.rung} by no step"
        if standing.rung is not before.rung:
            self.entered = self.glass.ladder
            self.warned = self.warned and standing.rung.place >= Rung.RATE_LIMITED.place
        service, _ = restriction_of(standing.rung, DUNNING)
        if service.strictness < self.service.strictness:
            standing = self._is_written(told_what_follows(standing, now, DUNNING), now)
        self.standing, self.service = standing, service

    def promises(self, standing: Standing, now: datetime) -> None:
        """The customer has named a day, and reads that it was noted."""
        self.moves(self._is_written(standing, now), now)

    def goes_on_at(self, now: datetime) -> datetime | None:
        """When it next does something, or writes of a payment that failed."""
        moments = (self._announces_at(now), (action := self.due(now)) and action.at)
        return min((moment for moment in moments if moment), default=None)

    def goes_on(self, now: datetime) -> None:
        """Do what is due now, as the runbook does it: a step tells of failed payments, unless its own letter does."""
        action, announced_at = self.due(now), self._announces_at(now)
        steps = action is not None and action.at <= now
        if announced_at and announced_at <= now and not (steps and action and is_said_by(action, self.told_of)):
            self._announces(now)
        if steps and action:
            self.does(action, now)

    def due(self, now: datetime) -> Action | None:
        """What comes next."""
        return next_action(self.standing, DUNNING, now) if self.standing else None

    def does(self, action: Action, now: datetime) -> None:
        """Take a step, and hold it to the rules that a customer may rely on."""
        standing = self.standing
        assert standing is not None
        assert action.at <= now
        assert action.name not in self.names, f"{action.name} has happened in this case already"
        self.names.add(action.name)
        if action.rung:
            self._climbs(standing, action, now)
        if action.kind is ActionKind.REMINDER:
            self._writes_when_it_may(now, self.mails)
        if is_read(action):
            self.mails.append(now)
            self.told_of |= {debt.invoice_id for debt in standing.chased}
        if action.kind is ActionKind.FINAL_WARNING:
            self.warned, self.entered = True, self.glass.ladder
        self.standing = performed(standing, action, now, DUNNING)
        self.service, _ = restriction_of(self.standing.rung, DUNNING)

    def _announces_at(self, now: datetime) -> datetime | None:
        return announced_at(self.standing, self.told_of, now, DUNNING) if self.standing else None

    def _announces(self, now: datetime) -> None:
        assert self.standing is not None
        if self.told_of:
            self._writes_when_it_may(now, self.mails[self.mails_before :])
        self.standing = self._is_written(self.standing, now)
        self.told_of |= {debt.invoice_id for debt in self.standing.chased}

    def _is_written(self, standing: Standing, now: datetime) -> Standing:
        self.mails.append(now)
        return contacted(standing, now, DUNNING)

    def _climbs(self, standing: Standing, action: Action, now: datetime) -> None:
        assert action.rung is not None
        assert action.rung is standing.rung.next, f"{standing.rung} was followed by {action.rung}"
        if action.rung.place >= Rung.RATE_LIMITED.place:
            stayed, least = self.glass.ladder - self.entered, DUNNING.least_stay[standing.rung]
            spared = standing.tier is Tier.FREE and standing.rung is Rung.GRACE and not self.warned
            assert spared or stayed >= least, f"{standing.rung} lasted {stayed}"
            assert standing.told is None or now >= standing.told, f"{standing.told} was told"
        if action.rung is Rung.RATE_LIMITED:
            assert self.warned or standing.tier not in _WARNED_TIERS, "nobody was warned"
        if action.rung is Rung.AWAITING_DELETION:
            assert sum(name.startswith("deletion-notice") for name in standing.done) == len(DUNNING.deletion_notices)
        self.entered = self.glass.ladder

    def _writes_when_it_may(self, now: datetime, mails: list[datetime]) -> None:
        contact, local = DUNNING.contact, now.astimezone(ZoneInfo(self.calendar.zone))
        assert contact.opens <= local.time() < contact.closes
        assert self.calendar.is_business_day(local.date())
        assert all(now - mail >= contact.apart for mail in mails[-1:])
        assert sum(now - mail < contact.within for mail in mails) < contact.at_most

    def fits(self) -> bool:
        """Whether some debt has come as far as the service is limited, by the time that was added up."""
        standing = self.standing
        if standing is None or standing.rung.place < Rung.RATE_LIMITED.place:
            return True
        after_grace = {Rung.RATE_LIMITED: NOTHING, Rung.BLOCKED: DUNNING.block_after}
        needed = DUNNING.tiers[standing.tier].grace + standing.grace_extra
        needed += after_grace.get(standing.rung, DUNNING.suspend_after)
        plan = standing.rung.place > DUNNING.usage_only_up_to.place
        led = [debt for debt in standing.debts if not (plan and debt.usage_only)]
        return any(self.glass.counted[debt.invoice_id] >= needed for debt in led)


def as_any(one: object) -> Any:
    """A fake where a port is asked for."""
    return one
