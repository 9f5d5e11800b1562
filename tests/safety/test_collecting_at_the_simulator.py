"""The bank of the state machine is a fake; here it is held to the simulator. Whatever happens in whatever order, Stripe's
adapter at the simulator and the fake agree on what became of each charge, on what was taken, and on what is due."""

from __future__ import annotations

from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.failures import BillingFailure
from billing.invoices import InvoiceStatus
from billing.payments import Origin, Outcome
from tests.adapters.stripe.tills import INVOICE, TOTAL, FakeTill, StripeTill, Till
from tests.fixtures.stripe_simulator import StripeSimulator

EXAMPLES, STEPS = 6, 12
PART = 10_00

answers = ["paid", "insufficient_funds", "stolen_card", "lost", "lost-before", "stored-500", "processing"]
charges = st.tuples(st.sampled_from(Origin), st.sampled_from(answers))
happenings = st.one_of(charges, charges, st.sampled_from(["again", "hours", "a day", "credit", "refund", "chargeback"]))


class Company:
    """One invoice at two banks to which the same happens; what can happen is decided by the fake's books."""

    def __init__(self, simulator: StripeSimulator) -> None:
        simulator.control.reset()
        self.simulator, self.fake = simulator, FakeTill()
        self.tills: tuple[Till, Till] = (StripeTill(simulator), self.fake)
        self.numbers: Counter[Origin] = Counter()
        self.last: Origin | None = None
        self.went_back = 0
        self.contested = False
        self.outcomes: set[str] = set()

    def lives_through(self, happening: tuple[Origin, str] | str) -> None:
        """Let it happen at both, where it can."""
        match happening:
            case (origin, answer):
                self._charged(Origin(origin), answer)
            case "again" if self.last:
                self._agree_on_an_attempt(self.last)
            case "hours" | "a day":
                for till in self.tills:
                    till.hours_pass(2 if happening == "hours" else 25)
            case "credit" if self._is_open() and self.fake.remaining() > 2 * PART:
                for till in self.tills:
                    till.credits(PART)
            case "refund" if self._may_go_back():
                self.went_back += PART
                for till in self.tills:
                    till.refunds(PART)
            case "chargeback" if self._may_go_back() and not self.went_back:
                self.contested, self.went_back = True, self.fake.taken()[-1]
                for till in self.tills:
                    till.charges_back()

    def _charged(self, origin: Origin, answer: str) -> None:
        number = self.fake.book.tried(INVOICE).get(origin, 0) + 1
        self.numbers[origin], self.last = number, origin
        self._agree_on_an_attempt(origin, answer)

    def _agree_on_an_attempt(self, origin: Origin, answer: str = "paid") -> None:
        at_stripe, at_fake = (self._tried(till, origin, answer) for till in self.tills)
        assert at_stripe == at_fake
        self.outcomes.add(at_stripe)

    def _tried(self, till: Till, origin: Origin, answer: str) -> str:
        if answer != "paid":
            till.answers(answer)
        try:
            return till.tries(self.numbers[origin], origin).outcome
        except BillingFailure as failure:
            return failure.code
        finally:
            self.simulator.control.clear_faults()
            self.fake.bank.next_answers.clear()

    def _is_open(self) -> bool:
        return self.fake.receivable().status is InvoiceStatus.OPEN and not self._in_doubt()

    def _may_go_back(self) -> bool:
        taken = self.fake.taken()
        return bool(taken) and not self.contested and not self.went_back and not self._in_doubt()

    def _in_doubt(self) -> bool:
        return any(row.ended_at is None for row in self.fake.book.rows.values())

    def agrees(self) -> None:
        """Of what was taken, in which order, and of what is due; and never was more taken than was ever due."""
        at_stripe, at_fake = ((till.taken(), till.remaining()) for till in self.tills)
        assert at_stripe == at_fake
        assert sum(at_stripe[0]) <= TOTAL + self.went_back


def test_in_any_order_of_events_the_simulator_and_the_fake_agree(stripe_simulator: StripeSimulator) -> None:
    lived: set[str] = set()

    @settings(
        max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True
    )
    @given(st.lists(happenings, min_size=STEPS, max_size=STEPS))
    def play(happened: list[tuple[Origin, str] | str]) -> None:
        company = Company(stripe_simulator)
        for happening in happened:
            company.lives_through(happening)
        company.agrees()
        lived.update(company.outcomes)

    play()

    assert lived >= {Outcome.PAID, Outcome.DECLINED, Outcome.UNKNOWN}
