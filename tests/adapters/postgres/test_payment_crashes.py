"""The process ends before or after any call of an attempt to charge: tried again, also by somebody else, money moved once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from activities.payment_ports import CollectibleInvoice, Reading
from activities.payments import Payments
from adapters.policies import Policies
from adapters.postgres.effects import Effects
from adapters.postgres.receivables import PostgresReceivables
from billing.failures import BillingFailure
from billing.holds import STOP_CHARGES
from billing.money import Money
from billing.payments import AttemptOrder, AttemptResult, Origin, Outcome, RefreshOrder
from billing.policy.standard import STANDARD
from tests.adapters.postgres.company import ORIGINAL, Company
from tests.adapters.postgres.test_correction_crashes import Fate, Mortal, ProcessDiedError
from tests.fakes.collector import FakeCollector
from tests.fakes.effects import FakeEffects
from tests.fakes.receivables import FakeReceivables

# More than twice the calls on the way from the first reading to the result on record.
MOMENTS = 200
NIGHT = timedelta(hours=30)
OWED = Money.of("1000.00", "USD")
MORTAL = ("book", "effects", "collector")


class _Quiet:
    """The standard policy for everybody, and no holds."""

    def in_force(self, about: Any = None) -> Any:
        return () if about in STOP_CHARGES else STANDARD

    def find(self, tenant_id: str) -> None:
        return None


class Meeting(Fate):
    """Nobody dies: at the moment that was chosen somebody else tries the whole of it."""

    def __init__(self, moment: int, manual: int = 1) -> None:
        super().__init__(moment)
        self.manual = manual
        self.comes: Callable[[], object] = lambda: None

    def passes(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.comes()


@dataclass
class House:
    """One debt of Acme's, and whoever tries to collect it."""

    bank: FakeCollector
    verbs: Payments
    at: datetime = field(default_factory=lambda: datetime(2026, 12, 1, 9, tzinfo=UTC))
    contested: set[str] = field(default_factory=set)

    def tries(self, number: int, origin: Origin = Origin.SCHEDULED, through: str | None = None) -> AttemptResult:
        """As the runbook does: again after what may be cured, and after what nobody knows."""
        order = AttemptOrder(
            tenant_id="acme",
            invoice_id=ORIGINAL,
            origin=origin,
            number=number,
            case_id="case",
            requested_by="runbook",
            payment_method=through,
        )
        for _ in range(6):
            try:
                result = self.verbs.attempt(order)
            except BillingFailure as failure:
                assert not failure.final, failure.for_us
                continue
            if result.outcome is not Outcome.UNKNOWN:
                return result
        return result

    def meets(self, other: Meeting, number: int) -> bool:
        """Tries it while somebody else does, at the moment that was chosen; answers whether they met."""
        alone = self.verbs
        watched: dict[str, Any] = {name: Mortal(getattr(alone, name), other) for name in MORTAL}
        other.comes = lambda: replace(self, verbs=alone).tries(other.manual, Origin.MANUAL)
        self.verbs = replace(alone, **watched)
        try:
            self.tries(number)
        finally:
            self.verbs = alone
        return other.left <= 0

    def dies(self, fate: Fate, number: int) -> bool:
        """Whether the process that tried it did not live to see the end."""
        immortal = self.verbs
        mortal: dict[str, Any] = {name: Mortal(getattr(immortal, name), fate) for name in MORTAL}
        self.verbs = replace(immortal, **mortal)
        try:
            self.tries(number)
        except ProcessDiedError:
            return True
        finally:
            self.verbs = immortal
        return False


@dataclass
class SlowBank(FakeCollector):
    """While its answer is on the way, the invoice is paid past us, and somebody else reads that."""

    house: House | None = None

    def reading(self, invoice: CollectibleInvoice, now: datetime) -> Reading:
        assert self.house is not None
        read = self.house.bank.reading(invoice, now)
        self.house.at += timedelta(seconds=5)
        self.house.bank.is_paid_elsewhere(ORIGINAL)
        replace(self.house.verbs, collector=self.house.bank).refresh(RefreshOrder(invoice_ids=(ORIGINAL,)))
        self.house.at += timedelta(seconds=5)
        return read


def a_house(book: Any, effects: Any, bank: FakeCollector) -> House:
    quiet: Any = _Quiet()
    house = House(bank, Payments(book, effects, bank, quiet, quiet, quiet, lambda: house.at))
    bank.now = lambda: house.at
    bank.bill(ORIGINAL, "acme", OWED)
    return house


def in_memory() -> House:
    bank = FakeCollector()
    effects = FakeEffects()
    book = FakeReceivables(bank, effects=effects)
    house = a_house(book, effects, bank)
    house.contested = book.disputed
    return house


def _reopened(house: House) -> int:
    """Paid once and refunded in part: a second charge beside the invoice. Answers the number of the next attempt."""
    house.tries(1)
    house.bank.refunds(ORIGINAL, 300_00)
    return 2


@pytest.mark.parametrize(
    ("by", "later"),
    [(Origin.SCHEDULED, timedelta(0)), (Origin.MANUAL, NIGHT)],
    ids=["again at once", "by somebody else the next day"],
)
@pytest.mark.parametrize("answer", ["paid", "lost", "lost-before", "stored-500", "stored-500-before", "lost_card"])
@pytest.mark.parametrize("reopened", [False, True], ids=["open", "re-opened"])
def test_a_process_that_ends_anywhere_charges_once(reopened: bool, answer: str, by: Origin, later: timedelta) -> None:
    for moment in range(1, MOMENTS):
        house = in_memory()
        number = _reopened(house) if reopened else 1
        before = len(house.bank.taken)
        house.bank.next_answers.append(answer)

        died = house.dies(Fate(moment), number)
        house.at += later
        if later:
            house.bank.forget_keys()
        house.tries(1 if by is Origin.MANUAL else number, by)
        house.tries(number)
        house.at += NIGHT
        house.tries(number + 1)

        # Whatever came of the one that died, the debt is paid once by what followed, and by nothing more.
        assert len(house.bank.taken) - before == 1
        assert house.bank.billed[ORIGINAL].remaining == 0
        if not died:
            return
    pytest.fail(f"more than {MOMENTS} moments")


def _never_arrived(house: House) -> None:
    """The first charge was lost on its way, and given up when the customer contested the invoice; that is decided now, and
    another card is there."""
    house.bank.next_answers.extend(["lost-before"] * 6)
    house.tries(1)
    house.at += timedelta(minutes=15)
    house.contested.add(ORIGINAL)
    given_up = house.tries(1)
    assert given_up.outcome is Outcome.HELD
    house.contested.clear()
    house.bank.next_answers.clear()
    house.bank.wallet["acme"] = "pm_new"
    house.at += timedelta(hours=1)


@pytest.mark.parametrize("through", ["pm_new", None], ids=["a card that is named", "the default"])
def test_what_never_arrived_and_is_begun_again_goes_through_the_card_that_came_since(through: str | None) -> None:
    house = in_memory()
    _never_arrived(house)

    again = house.tries(1, through=through)

    assert again.outcome is Outcome.PAID
    assert [charge.method for charge in house.bank.taken] == ["pm_new"]


def test_a_process_that_ends_while_it_begins_again_charges_the_new_card_once() -> None:
    for moment in range(1, MOMENTS):
        house = in_memory()
        _never_arrived(house)

        died = house.dies(Fate(moment), 1)
        house.at += timedelta(hours=1)
        house.tries(1)

        assert [charge.method for charge in house.bank.taken] == ["pm_new"]
        if not died:
            return
    pytest.fail(f"more than {MOMENTS} moments")


def test_a_slow_reading_never_replaces_one_that_began_after_it() -> None:
    house = in_memory()
    house.verbs = replace(house.verbs, collector=SlowBank(house=house))

    house.verbs.refresh(RefreshOrder(invoice_ids=(ORIGINAL,)))

    kept = house.verbs.book.find(ORIGINAL)
    assert kept is not None and not kept.remaining


@pytest.mark.parametrize("reopened", [False, True], ids=["open", "re-opened"])
def test_two_that_try_at_once_charge_once_wherever_they_meet(reopened: bool) -> None:
    for moment in range(1, MOMENTS):
        house = in_memory()
        number = _reopened(house) if reopened else 1
        before = len(house.bank.taken)

        met = house.meets(Meeting(moment), number)
        house.tries(number + 1)

        assert len(house.bank.taken) - before == 1
        assert house.bank.billed[ORIGINAL].remaining == 0
        if not met:
            return
    pytest.fail(f"more than {MOMENTS} moments")


def test_two_that_try_at_once_charge_once_in_postgres_too(company: Company, engine: Engine) -> None:
    bank = FakeCollector()
    house = a_house(PostgresReceivables(engine), Effects(engine, Policies(engine)), bank)
    house.tries(1)
    taken = []

    # Every fifth moment of a re-opened debt, whose charges nobody at the bank refuses.
    for number in range(2, MOMENTS):
        bank.refunds(ORIGINAL, 10_00)
        met = house.meets(Meeting(5 * number - 9, manual=number - 1), number)
        house.tries(MOMENTS + number)
        taken.append(len(bank.taken) - 1)
        if not met:
            break

    assert taken == list(range(1, number))


def test_in_postgres_too(company: Company, engine: Engine) -> None:
    bank, effects = FakeCollector(), Effects(engine, Policies(engine))
    house = a_house(PostgresReceivables(engine), effects, bank)
    outcomes = []

    # Every third moment: all of them are tried in memory.
    for number in range(1, MOMENTS):
        bank.next_answers.append("insufficient_funds")
        died = house.dies(Fate(3 * number), number)
        outcomes.append(house.tries(number).outcome)
        if not died:
            break

    states = company.rows("select state, count(*) as many from effects where kind = 'payment' group by state")
    assert outcomes == [Outcome.DECLINED] * number
    assert len(bank.charges) == number
    assert states == [{"state": "confirmed", "many": number}]
    assert {row.number for row in house.verbs.book.attempts(ORIGINAL)} == set(range(1, number + 1))
