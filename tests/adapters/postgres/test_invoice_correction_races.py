"""Fifty people correct one invoice at the same moment: what goes back is never more than was billed, here and at Stripe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import pytest

from billing.authority import Role
from billing.failures import BillingFailure
from billing.invoice_corrections import CorrectionReceipt, Deed
from billing.policy.credits import Payback
from tests.adapters.postgres.company import ORIGINAL, Company, invoice
from tests.adapters.postgres.correcting import Correcting, usd
from tests.adapters.stripe.books import RealBooks
from tests.fixtures.stripe_simulator import StripeSimulator

PEOPLE = 50
TRIES = 20


def at_once(acts: Sequence[Callable[[], CorrectionReceipt]]) -> list[CorrectionReceipt]:
    """What came of those that were not refused; who found no answer in time tries again, as the runbook does."""
    start = Barrier(len(acts))

    def run(act: Callable[[], CorrectionReceipt]) -> CorrectionReceipt | None:
        start.wait()
        for _ in range(TRIES):
            try:
                return act()
            except BillingFailure as failure:
                if failure.final:
                    return None
        raise AssertionError(f"no answer in {TRIES} tries")

    with ThreadPoolExecutor(len(acts)) as people:
        return [receipt for receipt in people.map(run, acts) if receipt]


def approved(correcting: Correcting, deed: Deed, number: str, occasion: str, **ordered: object) -> str | None:
    proposal = correcting.proposed(correcting.opened(deed, occasion, invoice=number, **ordered))
    correcting.approved(proposal)
    return proposal.op_key


@pytest.mark.parametrize("paid", [False, True])
def test_fifty_corrections_at_once_give_back_at_most_the_invoice(
    company: Company, stripe_simulator: StripeSimulator, paid: bool
) -> None:  # reference case 50
    books = RealBooks(stripe_simulator, paid=paid)
    company.invoices.issue(
        invoice(
            100_00 + 1,
            invoice_id="INV-sim",
            number="INV-000077",
            period="2026-09",
            provider_invoice_id=books.invoice.provider_invoice_id,
        )
    )
    correcting = Correcting(company, books.provider)
    payback = Payback.REFUND if paid else Payback.BALANCE
    opened = [
        correcting.opened(occasion=f"k-{one}", invoice="INV-000077", amount=usd("4.00"), payback=payback)
        for one in range(PEOPLE)
    ]
    proposals = [correcting.proposed(one) for one in opened]
    for proposal in proposals:
        assert correcting.approved(proposal).accepted

    receipts = at_once([partial(correcting.verbs.carry_out, proposal.op_key) for proposal in proposals])

    given_back = sum(receipt.amount.minor for receipt in receipts)
    (booked,) = company.rows(
        "select sum(amount_minor) as minor, count(*) from credits where invoice_id like 'INV-sim%'"
    )
    assert (booked["minor"], booked["count"]) == (given_back, len(receipts)) == (100_00, 25)
    assert books.provider.standing(books.invoice).credited == usd("100.00")
    assert books.refunded() == (100_00 if paid else 0)
    numbers = [row["number"] for row in company.rows("select number from credit_notes order by number")]
    assert numbers == [f"CN-2026-{one:06d}" for one in range(1, 26)]


def test_concurrent_voids_and_credits_leave_one_winner(company: Company) -> None:  # reference case 60
    correcting = Correcting(company)
    deeds = [(Deed.VOID, {}), (Deed.CREDIT, {"amount": usd("20.00"), "payback": Payback.BALANCE})] * 4
    proposals = [
        correcting.proposed(correcting.opened(deed, f"k-{number}", **ordered))
        for number, (deed, ordered) in enumerate(deeds)
    ]
    for proposal in proposals:
        correcting.approved(proposal, Role.VP)

    receipts = at_once([partial(correcting.verbs.carry_out, proposal.op_key) for proposal in proposals])

    done = Counter(receipt.deed for receipt in receipts)
    given_back = sum(credit.amount.minor for credit in correcting.fake.credits)
    assert not (done[Deed.VOID] and done[Deed.CREDIT])
    assert done[Deed.VOID] <= 1
    assert given_back == 20_00 * done[Deed.CREDIT]
    (status,) = company.rows(f"select status from invoices where invoice_id = '{ORIGINAL}'")  # noqa: S608
    assert (status["status"] == "void") is bool(done[Deed.VOID])
