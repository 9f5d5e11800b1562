"""Who gets what when an invoice is corrected: by the deed, by what was paid, and by the way back that was chosen (D8, B4)."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing import invoice_correction_rules as rules
from billing.corrections import CreditReceipt, Destination
from billing.disputes import Category
from billing.failures import BillingFailure, FailureCode
from billing.invoice_corrections import Deed, InvoiceStanding, LineFix
from billing.invoices import Invoice, InvoiceStatus
from billing.money import Money
from billing.policy.credits import CreditPolicy, Payback
from billing.policy.standard import STANDARD
from tests.billing.test_invoice_corrections import order
from tests.billing.world import NOW, contract, fee_line, invoice, price, usage_line, usd

POLICY = STANDARD.credits
BILLED = invoice(fee_line(40_00, number=1), usage_line(price(), "6000", number=2)).model_copy(
    update={"provider_invoice_id": "in_1"}
)


def standing(
    status: InvoiceStatus = InvoiceStatus.OPEN,
    *,
    paid: str = "0.00",
    credited: str = "0.00",
    refunded: str = "0.00",
    billed: Invoice = BILLED,
    due: str | None = None,
) -> InvoiceStanding:
    """An invoice whose payments came by card; `due` where earlier credits were applied to it."""
    total = billed.total
    asked = total if due is None else usd(due)
    open_part = max(asked - usd(paid) - usd(credited), usd("0.00"))
    return InvoiceStanding(
        status=status,
        total=total,
        paid=usd(paid),
        remaining=open_part if status in (InvoiceStatus.OPEN, InvoiceStatus.UNCOLLECTIBLE) else usd("0.00"),
        credited=usd(credited),
        refunded=usd(refunded),
        creditable=total - usd(credited),
        refundable=usd(paid) - usd(refunded),
    )


STANDINGS = {
    "draft": standing(InvoiceStatus.DRAFT),
    "open": standing(),
    "partly paid": standing(paid="40.00"),
    "paid": standing(InvoiceStatus.PAID, paid="100.00"),
    "uncollectible": standing(InvoiceStatus.UNCOLLECTIBLE),
    "void": standing(InvoiceStatus.VOID),
}

# 80.00 of an invoice of 100.00: what is not due any more, what is refunded, what goes into the balance; None is a no.
CREDITED: dict[tuple[str, Payback | None], tuple[str, str, str] | None] = {
    ("draft", Payback.REFUND): None,
    ("draft", Payback.BALANCE): None,
    ("draft", Payback.NEXT_INVOICE): None,
    ("draft", None): None,
    ("open", Payback.REFUND): ("80.00", "0.00", "0.00"),
    ("open", Payback.BALANCE): ("80.00", "0.00", "0.00"),
    ("open", Payback.NEXT_INVOICE): ("0.00", "0.00", "80.00"),
    ("open", None): ("80.00", "0.00", "0.00"),
    ("partly paid", Payback.REFUND): ("60.00", "20.00", "0.00"),
    ("partly paid", Payback.BALANCE): ("60.00", "0.00", "20.00"),
    ("partly paid", Payback.NEXT_INVOICE): ("0.00", "0.00", "80.00"),
    ("partly paid", None): ("60.00", "0.00", "20.00"),
    ("paid", Payback.REFUND): ("0.00", "80.00", "0.00"),
    ("paid", Payback.BALANCE): ("0.00", "0.00", "80.00"),
    ("paid", Payback.NEXT_INVOICE): ("0.00", "0.00", "80.00"),
    ("paid", None): ("0.00", "0.00", "80.00"),
    ("uncollectible", Payback.REFUND): ("80.00", "0.00", "0.00"),
    ("uncollectible", Payback.BALANCE): ("80.00", "0.00", "0.00"),
    ("uncollectible", Payback.NEXT_INVOICE): ("0.00", "0.00", "80.00"),
    ("uncollectible", None): ("80.00", "0.00", "0.00"),
    ("void", Payback.REFUND): None,
    ("void", Payback.BALANCE): None,
    ("void", Payback.NEXT_INVOICE): None,
    ("void", None): None,
}

# What is given up, or a word of the answer that says no.
CHANGED = {
    (Deed.VOID, "draft"): "cannot be voided",
    (Deed.VOID, "open"): usd("100.00"),
    (Deed.VOID, "partly paid"): "was paid already",
    (Deed.VOID, "paid"): "runbooks invoice correct",
    (Deed.VOID, "uncollectible"): usd("100.00"),
    (Deed.VOID, "void"): "is void at the provider",
    (Deed.WRITE_OFF, "draft"): "only what is still due",
    (Deed.WRITE_OFF, "open"): usd("100.00"),
    (Deed.WRITE_OFF, "partly paid"): usd("60.00"),
    (Deed.WRITE_OFF, "paid"): "only what is still due",
    (Deed.WRITE_OFF, "uncollectible"): "written off already",
    (Deed.WRITE_OFF, "void"): "only what is still due",
}


def credit(
    as_it_stands: InvoiceStanding, *, left: Money | None = None, policy: CreditPolicy = POLICY, **ordered: Any
) -> Any:
    """The request for a credit on the invoice of 100.00."""
    return rules.credit_request(
        order(**ordered), 1, BILLED, contract(), as_it_stands, BILLED.total if left is None else left, policy
    )


def refusal(act: Any) -> str:
    with pytest.raises(BillingFailure) as refused:
        act()
    assert refused.value.code is FailureCode.INVALID
    return refused.value.for_us


def test_the_tables_know_every_case() -> None:
    assert set(CREDITED) == set(product(STANDINGS, (*Payback, None)))
    assert set(CHANGED) == set(product((Deed.VOID, Deed.WRITE_OFF), STANDINGS))
    assert {one.status for one in STANDINGS.values()} == set(InvoiceStatus)


@pytest.mark.parametrize(("state", "payback"), CREDITED)
def test_a_credit_lowers_what_is_due_and_only_then_gives_back_what_was_paid(
    state: str, payback: Payback | None
) -> None:
    now, expected = STANDINGS[state], CREDITED[state, payback]

    if expected is None:
        assert state in refusal(lambda: credit(now, amount=usd("80.00"), payback=payback))
        return
    request = credit(now, amount=usd("80.00"), payback=payback)

    shares = rules.shares_of(request.amount, request.payback, now)
    assert tuple(shares) == tuple(usd(part) for part in expected)
    to_next_invoice = request.destination is Destination.NEXT_INVOICE
    assert to_next_invoice is (payback is Payback.NEXT_INVOICE)


@pytest.mark.parametrize(("deed", "state"), CHANGED)
def test_an_invoice_is_voided_while_nothing_was_paid_and_written_off_while_something_is_due(
    deed: Deed, state: str
) -> None:
    now, expected = STANDINGS[state], CHANGED[deed, state]

    if isinstance(expected, str):
        assert expected in refusal(lambda: rules.status_change(order(deed), 1, BILLED, now))
        return
    change = rules.status_change(order(deed), 1, BILLED, now)

    assert (change.deed, change.amount, change.requested_by) == (deed, expected, "agent-1@ops.example")
    assert any(str(expected) in sentence for sentence in rules.change_in_words(change, BILLED))


def test_an_invoice_with_a_credit_note_is_not_voided() -> None:
    words = refusal(lambda: rules.status_change(order(Deed.VOID), 1, BILLED, standing(credited="1.00")))

    assert "has a credit note" in words
    assert "runbooks invoice correct" in words


@pytest.mark.parametrize(
    ("amount", "policy", "payback"),
    [
        ("10.00", Payback.BALANCE, Payback.NEXT_INVOICE),
        ("10.01", Payback.BALANCE, Payback.BALANCE),
        ("10.01", Payback.REFUND, Payback.REFUND),
        ("10.00", Payback.REFUND, Payback.NEXT_INVOICE),
    ],
)
def test_without_a_word_size_and_policy_decide_which_way_money_goes_back(
    amount: str, policy: Payback, payback: Payback
) -> None:
    paid = STANDINGS["paid"]

    request = credit(paid, amount=usd(amount), policy=POLICY.model_copy(update={"payback": policy}))

    assert request.payback is payback


def test_a_small_credit_makes_a_credit_note_when_somebody_says_so() -> None:
    request = credit(STANDINGS["paid"], amount=usd("3.00"), payback=Payback.REFUND)

    assert (request.destination, request.payback) == (Destination.CREDIT_NOTE, Payback.REFUND)


def test_no_more_is_refunded_than_was_paid() -> None:  # reference case 47
    billed = invoice(fee_line(375_70, number=1))
    now = standing(paid="12.00", billed=billed)

    whole = rules.shares_of(usd("375.70"), Payback.REFUND, now)
    words = refusal(
        lambda: rules.shares_of(usd("375.70"), Payback.REFUND, now.model_copy(update={"remaining": usd("0.00")}))
    )

    assert whole.refunded == usd("12.00")
    assert "at most USD 12.00 can still go back" in words


def test_what_was_refunded_before_is_not_refunded_again() -> None:  # reference case 48
    billed = invoice(fee_line(132_00, number=1))
    now = standing(InvoiceStatus.PAID, paid="132.00", refunded="30.00", billed=billed)

    most = rules.shares_of(usd("102.00"), Payback.REFUND, now)
    words = refusal(lambda: rules.shares_of(usd("120.00"), Payback.REFUND, now))

    assert most.refunded == usd("102.00")
    assert "at most USD 102.00" in words


def test_an_amount_beyond_what_is_left_is_refused_and_lines_are_cut_to_it() -> None:  # reference cases 45 and 55
    now, left = standing(InvoiceStatus.PAID, paid="100.00", credited="49.44"), usd("50.56")

    words = refusal(lambda: credit(now, left=left, amount=usd("50.57")))
    request = credit(now, left=left, lines=(LineFix(line=2, quantity=0),))

    assert words == "amount USD 50.57: invoice INV-2026-10-0001 has USD 50.56 left that can be given back"
    assert request.amount == left
    assert any("cut to that" in sentence for sentence in rules.credit_in_words(request, BILLED, now))


def test_nothing_is_left_of_an_invoice_that_was_given_back() -> None:
    now = standing(InvoiceStatus.PAID, paid="100.00", credited="100.00")

    words = refusal(lambda: credit(now, left=usd("0.00"), lines=(LineFix(line=2, quantity=0),)))

    assert "has USD 0.00 left" in words


def test_what_the_provider_refunded_beside_us_lowers_what_is_left() -> None:  # reference case 52
    now = standing(InvoiceStatus.PAID, paid="100.00").model_copy(
        update={"creditable": usd("70.00"), "refunded": usd("30.00"), "refundable": usd("70.00")}
    )

    words = refusal(lambda: credit(now, amount=usd("70.01")))

    assert "has USD 70.00 left" in words


def test_a_fix_that_makes_the_invoice_dearer_is_no_correction() -> None:
    words = refusal(lambda: credit(STANDINGS["open"], lines=(LineFix(line=2, quantity=7000),)))

    assert words.startswith("with these lines the invoice comes to USD 10.00 more")


def test_an_amount_in_another_currency_is_refused() -> None:
    words = refusal(lambda: credit(STANDINGS["open"], amount=Money.of("5.00", "EUR")))

    assert words == "amount EUR 5.00: invoice INV-2026-10-0001 is in USD"


@pytest.mark.parametrize(
    ("fix", "category"),
    [(LineFix(line=2, quantity=5000), Category.USAGE_CALCULATION), (LineFix(line=1, amount_minor=0), Category.PRICING)],
)
def test_a_metered_line_was_counted_wrong_and_a_fee_was_priced_wrong(fix: LineFix, category: Category) -> None:
    by_itself, said = (
        credit(STANDINGS["open"], lines=(fix,), category=one) for one in (None, Category.SERVICE_QUALITY)
    )

    assert by_itself.category is category
    assert said.category is Category.SERVICE_QUALITY


@pytest.mark.parametrize(
    ("ordered", "changes", "may_order", "words"),
    [
        ({}, None, False, "may not order corrections"),
        ({}, None, True, "there is no issued invoice INV-2026-000042"),
        ({}, {"status": InvoiceStatus.VOID}, True, "is void already"),
        ({}, {"provider_invoice_id": None}, True, "never reached the provider"),
        ({"lines": (LineFix(line=1, amount_minor=1),)}, {"invoice_id": "inv-1-R2"}, True, "was corrected already"),
        ({}, {"invoice_id": "inv-1-R2"}, True, None),
        ({}, {}, True, None),
    ],
)
def test_an_order_is_turned_away_with_what_to_do(
    ordered: dict[str, Any], changes: dict[str, Any] | None, may_order: bool, words: str | None
) -> None:
    newest = None if changes is None else BILLED.model_copy(update=changes)
    named = newest and BILLED.model_copy(update={"status": newest.status})

    answer = rules.not_accepted(order(**ordered), named, newest, may_order=may_order)

    assert (answer is None) is (words is None)
    assert words is None or (answer and words in answer)


@given(
    paid=st.integers(0, 100_00),
    refunded=st.integers(0, 100_00),
    amount=st.integers(1, 100_00),
    payback=st.sampled_from(list(Payback)),
)
def test_the_parts_are_the_amount_whatever_was_paid(paid: int, refunded: int, amount: int, payback: Payback) -> None:
    money = Money(minor=amount, currency="USD")
    back = Money(minor=min(refunded, paid), currency="USD")
    now = standing(paid=str(Money(minor=paid, currency="USD").major), refunded=str(back.major))

    try:
        shares = rules.shares_of(money, payback, now)
    except BillingFailure:
        assert payback is Payback.REFUND
        assert money - min(money, now.remaining) > now.refundable
        return

    assert shares.lowered_due + shares.refunded + shares.to_balance == money
    assert shares.lowered_due <= now.remaining
    assert shares.refunded <= now.refundable


@given(
    asked=st.lists(st.tuples(st.integers(1, 60_00), st.sampled_from((*Payback, None))), max_size=8), paid=st.booleans()
)
def test_no_sequence_of_credits_gives_back_more_than_was_billed(
    asked: list[tuple[int, Payback | None]], paid: bool
) -> None:
    now, given_back = STANDINGS["paid" if paid else "open"], usd("0.00")

    for minor, payback in asked:
        amount, left = Money(minor=minor, currency="USD"), BILLED.total - given_back
        try:
            request = credit(now, left=left, amount=amount, payback=payback)
        except BillingFailure:
            assert amount > min(left, now.creditable)
            continue
        given_back += request.amount
        now = _after(now, request.amount, request.payback)

    assert given_back <= BILLED.total


def _after(now: InvoiceStanding, amount: Money, payback: Payback) -> InvoiceStanding:
    """What the provider says once the credit has happened."""
    if payback is Payback.NEXT_INVOICE:
        return now
    shares = rules.shares_of(amount, payback, now)
    return now.model_copy(
        update={
            "remaining": now.remaining - shares.lowered_due,
            "credited": now.credited + amount,
            "creditable": now.creditable - amount,
            "refunded": now.refunded + shares.refunded,
            "refundable": now.refundable - shares.refunded,
        }
    )


@pytest.mark.parametrize(
    ("payback", "kept", "parts"),
    [
        (Payback.REFUND, {"pre_payment_amount": 5_00, "post_payment_amount": 20_00}, ("5.00", "20.00", "0.00")),
        (Payback.BALANCE, {"pre_payment_amount": 5_00, "post_payment_amount": 20_00}, ("5.00", "0.00", "20.00")),
        (Payback.REFUND, {"pre_payment_amount": 25_00}, ("25.00", "0.00", "0.00")),
        (Payback.NEXT_INVOICE, {"amount": -25_00}, ("0.00", "0.00", "25.00")),
    ],
)
def test_a_receipt_says_what_the_provider_did(
    payback: Payback, kept: dict[str, int], parts: tuple[str, str, str]
) -> None:
    request = credit(STANDINGS["paid"], amount=usd("25.00"), payback=payback)
    booked = CreditReceipt(
        credit_id="CR-1", amount=request.amount, destination=request.destination, provider_id="cn_1", booked_at=NOW
    )

    receipt = rules.receipt_of_credit(request, booked, kept)

    assert (receipt.lowered_due, receipt.refunded, receipt.to_balance) == tuple(usd(part) for part in parts)
    assert receipt.amount == usd("25.00")
