"""Customers, banks, operators and clocks in any order, over one tenant's recovery, and what must hold after each of them.

For fifteen thousand steps in a minute the bank is a fake and the case is played without Temporal. The fake is held to Stripe's
simulator by `tests/adapters/stripe/test_collector_contract.py`, and in any order by `test_collecting_at_the_simulator.py`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from activities.payments import Payments
from billing import arrangements
from billing.access import Restriction
from billing.calendars import BusinessCalendar
from billing.delinquency import Standing, debts_of
from billing.failures import BillingFailure
from billing.holds import STOP_CHARGES, HeldEffect, Hold
from billing.invoices import InvoiceStatus
from billing.ladder_moves import changed_tier, exempted, extended, promised, restored
from billing.money import Money
from billing.payments import AttemptOrder, Origin, Outcome, RefreshOrder
from billing.periods import local_day
from billing.policy.dunning import DUNNING
from billing.policy.standard import STANDARD
from billing.rungs import Rung
from billing.tenants import Tier
from tests.fakes.collector import Billed
from tests.fakes.effects import FakeEffects
from tests.fakes.receivables import FakeReceivables
from tests.safety.recovering import Board, PlayedCase, WatchedBank, as_any

TENANT = "acme"
HELD = (*STOP_CHARGES, HeldEffect.SUSPENSION)
DAY = timedelta(days=1)
BEGINNING = datetime(2026, 2, 2, 7, 30, tzinfo=UTC)
LEAST = STANDARD.payments.least_charge["USD"]

answers = st.sampled_from([
    "paid", "insufficient_funds", "insufficient_funds", "do_not_honor", "stolen_card", "expired_card",
    "lost", "processing", "refused", "busy", "stored-500", "stored-500-before",
])  # fmt: skip
declines = st.sampled_from(["insufficient_funds", "do_not_honor", "stolen_card", "expired_card", "processing"])
# Half of what is due, a third of it, or all.
parts = st.sampled_from([2, 3, 1])
# Days on which the worker is there before the next thing happens.
pauses = st.sampled_from([0, 0.25, 1, 2, 4, 7, 11])


class _Shelf:
    """The standard policy for everybody, and no tenant on record."""

    def in_force(self, tenant: object) -> object:
        return STANDARD

    def find(self, tenant_id: str) -> None:
        return None


class Recovery(RuleBasedStateMachine):
    """One tenant with up to five invoices, a bank, operators, and a worker that is there or away."""

    @initialize(
        tier=st.sampled_from(Tier), zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Pacific/Auckland"])
    )
    def begin(self, tier: Tier, zone: str) -> None:
        self.now = BEGINNING
        self.bank = WatchedBank(now=lambda: self.now, may_charge=self._may_charge)
        effects, shelf = FakeEffects(), as_any(_Shelf())
        self.book, self.board = FakeReceivables(self.bank, effects=effects), Board()
        self.payments = Payments(self.book, effects, self.bank, shelf, shelf, as_any(self.board), lambda: self.now)
        self.orders: list[AttemptOrder] = []
        holidays = (date(2026, 4, 3), date(2026, 4, 6), date(2026, 5, 1))
        self.case = PlayedCase(BusinessCalendar(zone=zone, holidays=holidays), tier)

    # What customers and banks do.

    @precondition(lambda self: len(self.bank.billed) < 5)
    @rule(minor=st.integers(LEAST, 90_000), usage_only=st.booleans(), answer=declines, then=pauses)
    def an_invoice_falls_due(self, minor: int, usage_only: bool, answer: str, then: float) -> None:
        name = f"inv-{len(self.bank.billed) + 1}"
        self.bank.bill(name, TENANT, Money(minor=minor, currency="USD"), usage_only=usage_only)
        self._attempts(name, Origin.SCHEDULED, answer)
        self._lives(then)

    @precondition(lambda self: self.bank.billed)
    @rule(data=st.data(), origin=st.sampled_from(Origin), answer=answers)
    def it_is_charged(self, data: st.DataObject, origin: Origin, answer: str) -> None:
        self._attempts(self._any_invoice(data).invoice.invoice_id, origin, answer)

    @precondition(lambda self: self.orders)
    @rule(data=st.data(), answer=answers)
    def a_worker_died_over_an_attempt_and_makes_it_again(self, data: st.DataObject, answer: str) -> None:
        self._charges(data.draw(st.sampled_from(self.orders[-6:])), answer)

    @precondition(lambda self: self._in_doubt())
    @rule()
    def what_nobody_knows_is_looked_up(self) -> None:
        for op_key in self._in_doubt():
            self.payments.look_up(op_key)
        self._news()

    @precondition(lambda self: any(not charge.settled for charge in self.bank.charges))
    @rule(decline=st.sampled_from([None, "insufficient_funds"]))
    def the_bank_answers_at_last(self, decline: str | None) -> None:
        self.bank.answers(decline)
        self._news()

    @precondition(lambda self: self._owed())
    @rule(data=st.data(), part=parts, then=pauses)
    def money_comes_another_way(self, data: st.DataObject, part: int, then: float) -> None:
        one = data.draw(st.sampled_from(self._owed()))
        self.bank.is_paid_elsewhere(one.invoice.invoice_id, max(1, one.remaining // part))
        self._lives(then)

    @precondition(lambda self: self._owed())
    @rule(data=st.data(), part=parts)
    def a_credit_note_is_issued(self, data: st.DataObject, part: int) -> None:
        one = data.draw(st.sampled_from(self._owed()))
        self.bank.credits(one.invoice.invoice_id, max(1, one.remaining // part))
        self._news()

    @precondition(lambda self: any(one.status is InvoiceStatus.OPEN for one in self._owed()))
    @rule(data=st.data(), status=st.sampled_from([InvoiceStatus.UNCOLLECTIBLE, InvoiceStatus.VOID]))
    def it_is_written_off_or_void(self, data: st.DataObject, status: InvoiceStatus) -> None:
        open_ones = [one for one in self._owed() if one.status is InvoiceStatus.OPEN]
        self.bank.becomes(data.draw(st.sampled_from(open_ones)).invoice.invoice_id, status)
        self._news()

    @precondition(lambda self: self._paid())
    @rule(data=st.data(), part=parts)
    def money_is_refunded(self, data: st.DataObject, part: int) -> None:
        one = data.draw(st.sampled_from(self._paid()))
        self.bank.refunds(one.invoice.invoice_id, max(1, (one.paid - one.back) // part))
        self._news()

    @precondition(lambda self: self._paid())
    @rule(data=st.data())
    def a_bank_takes_a_payment_back(self, data: st.DataObject) -> None:
        self.bank.charges_back(data.draw(st.sampled_from(self._paid())).invoice.invoice_id)
        self._news()

    @precondition(lambda self: any(one.undecided for one in self.bank.billed.values()))
    @rule(won=st.booleans())
    def the_chargeback_is_decided(self, won: bool) -> None:
        for name, one in self.bank.billed.items():
            if one.undecided:
                self.bank.decides(name, won=won)
        self._news()

    @precondition(lambda self: self.bank.billed)
    @rule(data=st.data(), lasts=pauses, then=pauses, is_decided=st.booleans())
    def an_invoice_is_disputed(self, data: st.DataObject, lasts: float, then: float, is_decided: bool) -> None:
        self.book.disputed.add(self._any_invoice(data).invoice.invoice_id)
        self._lives(lasts)
        if is_decided:
            self.book.disputed.clear()
            self._lives(then)

    # What operators do.

    @rule(effects=st.sets(st.sampled_from(HELD), min_size=1), lasts=pauses, then=pauses, is_released=st.booleans())
    def a_hold_is_placed(self, effects: set[HeldEffect], lasts: float, then: float, is_released: bool) -> None:
        for effect in effects:
            reason, by = "the bank statement is checked", "finance-1"
            self.board.held[effect] = Hold(
                hold_id=f"hold-{effect}", effect=effect, reason=reason, placed_by=by, placed_at=self.now
            )
        self._lives(lasts)
        if is_released:
            self.board.held.clear()
            self._lives(then)

    @precondition(lambda self: self.board.held)
    @rule(then=pauses)
    def the_holds_are_released(self, then: float) -> None:
        self.board.held.clear()
        self._lives(then)

    @rule(tier=st.sampled_from(Tier), then=pauses)
    def the_tier_changes(self, tier: Tier, then: float) -> None:
        self.case.tier = tier
        if self.case.standing:
            self.case.moves(changed_tier(self.case.standing, tier, self.now, DUNNING), self.now)
        self._lives(then)

    @precondition(lambda self: self.case.standing)
    @rule(days=st.integers(1, 12), then=pauses)
    def grace_is_extended(self, days: int, then: float) -> None:
        standing = self._standing()
        if arrangements.objection_to_extension(standing, days, DUNNING) is None:
            self.case.moves(extended(standing, days, self.now, DUNNING), self.now)
        self._lives(then)

    @precondition(lambda self: self.case.standing)
    @rule(days=st.integers(0, 14), then=pauses)
    def the_customer_promises_to_pay(self, days: int, then: float) -> None:
        standing = self._standing()
        by_day = local_day(self.now, standing.zone) + timedelta(days=days)
        if arrangements.objection_to_promise(standing, by_day, self.now, DUNNING) is None:
            until = arrangements.promise_until(standing, by_day, self.now, DUNNING)
            self.case.promises(promised(standing, by_day, until, self.now), self.now)
            self.case.glass.promise_left = until - self.now
        self._lives(then)

    @precondition(lambda self: self.case.standing)
    @rule(days=st.integers(0, 20), then=pauses)
    def the_tenant_is_exempted(self, days: int, then: float) -> None:
        standing = self._standing()
        until_day = local_day(self.now, standing.zone) + timedelta(days=days)
        if arrangements.objection_to_exemption(standing, until_day, self.now, DUNNING) is None:
            until = arrangements.exempted_until(standing, until_day, self.now, DUNNING)
            self.case.moves(exempted(standing, until, self.now), self.now)
            self.case.glass.exempt_until = until
        self._lives(then)

    @precondition(lambda self: self.case.service is not Restriction.NONE)
    @rule(then=pauses)
    def service_is_given_back_by_hand(self, then: float) -> None:
        standing = self._standing()
        if arrangements.objection_to_restoration(standing) is None:
            self.case.moves(restored(standing, self.now), self.now)
        self._lives(then)

    # What clocks do.

    @rule(hours=st.integers(1, 24 * 30))
    def time_passes(self, hours: int) -> None:
        self._lives(hours / 24)

    @rule(days=st.integers(1, 60), then=pauses)
    def the_worker_is_away(self, days: int, then: float) -> None:
        self._tick(self.now + days * DAY)
        self.bank.forget_keys()
        self._lives(then)

    # What must hold after each of them.

    @invariant()
    def nothing_was_charged_that_should_not_have_been(self) -> None:
        assert self.bank.wrongs == []

    @invariant()
    def whoever_owes_has_a_case_and_nobody_else(self) -> None:
        overdue = [one for one in self._owed() if one.remaining >= LEAST and self._is_overdue(one)]
        assert (self.case.standing is not None) == bool(overdue)
        assert overdue or self.case.service is Restriction.NONE

    @invariant()
    def service_is_limited_no_further_than_the_debts_have_come(self) -> None:
        assert self.case.fits()

    @invariant()
    def the_case_goes_on_unless_something_stops_it(self) -> None:
        standing = self.case.standing
        if standing is None or self.board.held or not standing.chased:
            return
        action = self.case.due(self.now)
        usage_only = all(debt.usage_only for debt in standing.chased)
        at_its_end = standing.rung is Rung.AWAITING_DELETION or (
            usage_only and standing.rung.place >= Rung.BLOCKED.place
        )
        assert at_its_end or action is not None
        assert action is None or action.at > self.now

    def _attempts(self, invoice_id: str, origin: Origin, answer: str) -> None:
        number = self.book.tried(invoice_id).get(origin, 0) + 1
        order = AttemptOrder(
            tenant_id=TENANT,
            invoice_id=invoice_id,
            origin=origin,
            number=number,
            case_id=f"delinquency/{TENANT}/1",
            requested_by="runbook",
        )
        self.orders.append(order)
        self._charges(order, answer)

    def _charges(self, order: AttemptOrder, answer: str) -> None:
        self.bank.next_answers.clear()
        self.bank.next_answers.append(answer)
        try:
            self.payments.attempt(order)
        except BillingFailure as failure:
            assert not failure.final, failure.for_us
        self._news()

    def _news(self) -> None:
        """The provider's event comes: what is owed is read fresh, and the case does what is due."""
        self.payments.refresh(RefreshOrder(invoice_ids=tuple(self.bank.billed)))
        debts = debts_of(self.book.of_tenant(TENANT))
        self.case.look(debts, self.now, held=bool(self.board.held))
        while (moment := self.case.goes_on_at(self.now)) and moment <= self.now:
            self.case.goes_on(self.now)

    def _lives(self, days: float) -> None:
        """The news of now, and then so many days on which the worker is there."""
        self._news()
        until = self.now + days * DAY
        while (moment := self.case.goes_on_at(self.now)) and moment <= until:
            self._tick(moment)
            self.case.goes_on(self.now)
        self._tick(until)
        self._news()

    def _tick(self, to: datetime) -> None:
        debts = self.case.standing.debts if self.case.standing else ()
        self.case.glass.pass_time(self.now, to, debts, held=bool(self.board.held))
        self.now = to

    def _may_charge(self, invoice_id: str) -> bool:
        return not self.board.held.keys() & set(STOP_CHARGES) and invoice_id not in self.book.disputed

    def _any_invoice(self, data: st.DataObject) -> Billed:
        return self.bank.billed[data.draw(st.sampled_from(sorted(self.bank.billed)))]

    def _owed(self) -> list[Billed]:
        return [one for one in self.bank.billed.values() if one.remaining]

    def _paid(self) -> list[Billed]:
        return [one for one in self.bank.billed.values() if one.paid > one.back and not one.undecided]

    def _is_overdue(self, one: Billed) -> bool:
        """Whether a charge of ours failed, or what was paid went back."""
        declined = any(row.outcome is Outcome.DECLINED for row in self.book.attempts(one.invoice.invoice_id))
        return one.failed_at is not None or declined or one.status is InvoiceStatus.PAID

    def _in_doubt(self) -> list[str]:
        return [row.op_key for row in self.book.rows.values() if row.ended_at is None]

    def _standing(self) -> Standing:
        assert self.case.standing is not None
        return self.case.standing
