"""Corrections of an issued invoice: opened once, credited with documents, and on record with their decision."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from adapters.postgres.billing_runs.credit_use import apply_credits
from billing.authority import Role
from billing.failures import FailureCode
from billing.invoice_corrections import CorrectionReceipt, Deed, Ending, LineFix
from billing.month_end import Shard
from billing.policy.credits import Payback
from tests.adapters.postgres.company import ORIGINAL, Company, invoice
from tests.adapters.postgres.correcting import BY, Correcting, order, refusal, usd

PROVIDER_ID = "in_42"


def fixed(quantity: int) -> tuple[LineFix, ...]:
    """The API calls at 0.1 cents each."""
    return (LineFix(line=2, quantity=Decimal(quantity)),)


@pytest.fixture
def correcting(company: Company) -> Correcting:
    return Correcting(company)


def test_a_repeated_key_is_the_same_case_and_another_order_under_it_a_conflict(correcting: Correcting) -> None:
    now = correcting.company.now
    first = correcting.book.open(order(), now, "key-1")

    again = correcting.book.open(order(requested_by="lead-1@ops.example"), now + timedelta(hours=1), "key-1")
    others = [order(amount=usd("41.00")), order(occasion="k-2"), order(Deed.VOID)]
    answers = [refusal(partial(correcting.book.open, other, now, "key-1"), FailureCode.CONFLICT) for other in others]

    assert again == first
    assert all("this key stands for correction/INV-000042/k-1 already" in words for words in answers)
    assert len(correcting.company.rows("select * from invoice_corrections")) == 1


def test_opening_reads_the_newest_revision_whatever_name_was_given(correcting: Correcting) -> None:
    correcting.carried_out()

    by_number, by_id = (correcting.opened(occasion="k-2", invoice=name) for name in ("INV-000042", ORIGINAL))

    assert {opened.number for opened in (by_number, by_id)} == {"INV-000042-R2"}
    assert by_number.refused is None


@pytest.mark.parametrize(
    ("ordered", "words"),
    [
        ({"invoice": "INV-999999"}, "there is no issued invoice INV-999999"),
        ({"requested_by": "engineering-1@ops.example"}, "may not order corrections"),
        ({"requested_by": "nobody@ops.example"}, "may not order corrections"),
    ],
)
def test_what_is_not_accepted_is_on_record_all_the_same(
    correcting: Correcting, ordered: dict[str, Any], words: str
) -> None:
    opened = correcting.opened(**ordered)

    correcting.verbs.close(correcting.closing(opened.order, None, Ending.NOT_ACCEPTED))

    assert opened.refused is not None
    assert words in opened.refused
    row = correcting.book.find(opened.order.case_id)
    assert row is not None
    assert (row.ending, row.story and row.story.ending) == (Ending.NOT_ACCEPTED, Ending.NOT_ACCEPTED)
    assert correcting.company.rows("select * from decisions") == []


def test_a_corrected_line_becomes_a_credit_note_and_the_next_revision_with_links_both_ways(
    correcting: Correcting,
) -> None:
    receipt = correcting.carried_out(lines=fixed(500_000))

    assert (receipt.amount, receipt.lowered_due) == (usd("400.00"), usd("400.00"))
    revision = correcting.company.invoices.latest("acme", "2026-10")
    assert revision is not None
    assert (revision.total, revision.corrects, revision.number) == (usd("600.00"), ORIGINAL, "INV-000042-R2")
    assert [(line.quantity, line.amount_minor) for line in revision.lines] == [
        (Decimal(1), 100_00),
        (Decimal(500_000), 500_00),
    ]
    (note,) = correcting.company.rows("select number, invoice_id, corrected_invoice_id, amount_minor from credit_notes")
    assert note == {
        "number": receipt.credit_note_number,
        "invoice_id": ORIGINAL,
        "corrected_invoice_id": revision.invoice_id,
        "amount_minor": 400_00,
    }
    assert correcting.company.invoices.get(ORIGINAL) == invoice()


def test_what_was_paid_goes_back_to_the_card_and_only_that(correcting: Correcting) -> None:
    correcting.fake.amount_remaining[PROVIDER_ID] = 30_00

    receipt = correcting.carried_out(amount=usd("40.00"), payback=Payback.REFUND)

    assert (receipt.lowered_due, receipt.refunded, receipt.to_balance) == (usd("30.00"), usd("10.00"), usd("0.00"))
    (credit,) = correcting.fake.credits
    assert (credit.lowered, credit.refunded) == (30_00, 10_00)


@pytest.mark.parametrize(
    ("payback", "due_before", "applied"),
    [
        (Payback.BALANCE, 30_00, {"INV-next": 10_00}),
        (Payback.BALANCE, 0, {"INV-next": 40_00}),
        (Payback.BALANCE, 1_000_00, {}),
        (Payback.REFUND, 0, {}),
        (Payback.NEXT_INVOICE, 30_00, {"INV-next": 40_00}),
    ],
)
def test_what_goes_into_the_balance_is_taken_off_our_next_document_as_the_provider_does(
    correcting: Correcting, payback: Payback, due_before: int, applied: dict[str, int]
) -> None:
    company = correcting.company
    correcting.fake.amount_remaining[PROVIDER_ID] = due_before
    correcting.carried_out(amount=usd("40.00"), payback=payback)
    company.invoices.issue(invoice(invoice_id="INV-next", number="INV-000043", period="2026-11"))
    draft: Any = SimpleNamespace(invoice_id="INV-next", tenant_id="acme", currency="USD", total_minor=1_000_00)

    with company.engine.begin() as connection:
        used = apply_credits(connection, Shard(first="acme", last="acme"), [draft], company.now)

    assert used == applied


def test_carrying_out_twice_happens_once_and_answers_the_same(correcting: Correcting) -> None:
    op_key = correcting.ready()
    first = correcting.verbs.carry_out(op_key)
    correcting.company.now += timedelta(days=2)

    again = correcting.verbs.carry_out(op_key)

    assert again == first
    assert len(correcting.fake.credits) == len(correcting.company.rows("select * from credits")) == 1


def test_proposing_the_same_revision_again_asks_the_same_question(correcting: Correcting) -> None:
    opened = correcting.opened()
    first = correcting.proposed(opened)
    asked = correcting.asked(first)

    again = correcting.proposed(opened)

    assert again == first
    assert correcting.asked(again) == asked


def test_another_revision_takes_the_earlier_question_back(correcting: Correcting) -> None:
    opened = correcting.opened()
    asked = correcting.asked(correcting.proposed(opened))

    second = correcting.proposed(opened, revision=2)

    assert not correcting.company.answer(asked, Role.VP).accepted
    assert correcting.approved(second).accepted


def test_the_documents_say_that_no_dispute_was_behind_them(correcting: Correcting) -> None:
    correcting.carried_out(amount=usd("40.00"))

    (revision,) = correcting.company.rows("select dispute_note from invoices where revision = 2")
    (line,) = correcting.company.rows("select description from invoice_lines where kind = 'adjustment'")
    assert revision["dispute_note"].endswith("after correction INV-000042-k-1.")
    assert line["description"] == "Adjustment as decided in correction INV-000042-k-1"


@pytest.mark.parametrize("quantity", [500_000, 895_000])
def test_no_line_is_given_back_twice(correcting: Correcting, quantity: int) -> None:
    meanwhile = correcting.opened(occasion="k-2", lines=fixed(quantity))
    correcting.carried_out(occasion="k-1", lines=fixed(quantity))

    words = refusal(lambda: correcting.proposed(meanwhile), FailureCode.INVALID)

    small = quantity == 895_000
    assert ("line 2 was given back by correction/INV-000042/k-1" in words) is small
    assert ("was corrected meanwhile" in words) is not small


@pytest.mark.parametrize("quantity", [500_000, 895_000])
def test_two_approved_corrections_of_a_line_are_carried_out_once(correcting: Correcting, quantity: int) -> None:
    proposals = [correcting.proposed(correcting.opened(occasion=one, lines=fixed(quantity))) for one in ("k-1", "k-2")]
    first, second = (proposal.op_key for proposal in proposals if correcting.approved(proposal).accepted)

    refused = refusal(lambda: correcting.verbs.carry_out(second), FailureCode.STALE_DECISION)
    receipt = correcting.verbs.carry_out(first)
    late = refusal(lambda: correcting.verbs.carry_out(second), FailureCode.STALE_DECISION)

    assert "line 2 was given back by correction/INV-000042/k-1" in refused
    assert receipt.amount == usd("400.00" if quantity == 500_000 else "5.00")
    assert late
    assert len(correcting.fake.credits) == 1


def test_two_orders_that_were_valid_alone_do_not_both_fit(correcting: Correcting) -> None:  # reference case 49
    first, second = (correcting.opened(occasion=occasion, amount=usd("600.00")) for occasion in ("k-1", "k-2"))
    proposals = [correcting.proposed(opened) for opened in (first, second)]
    for proposal in proposals:
        correcting.approved(proposal)
    correcting.verbs.carry_out(proposals[0].op_key)

    words = refusal(lambda: correcting.verbs.carry_out(proposals[1].op_key), FailureCode.STALE_DECISION)

    assert words == "USD 600.00 is more than the USD 400.00 that can still be given back on the invoice"
    assert [credit.amount for credit in correcting.fake.credits] == [usd("600.00")]


DECISIONS = {
    Deed.CREDIT: ("invoice_corrected", "40.00"),
    Deed.VOID: ("invoice_voided", "1000.00"),
    Deed.WRITE_OFF: ("invoice_written_off", "1000.00"),
}


@pytest.mark.parametrize("deed", list(Deed))
def test_what_was_done_is_on_record_once_however_often_it_is_closed(correcting: Correcting, deed: Deed) -> None:
    ordered = order(deed, reason="counted | twice\nor = more")
    receipt = correcting.carried_out(deed, reason=ordered.reason)
    closing = correcting.closing(ordered, receipt)

    correcting.verbs.close(closing)
    correcting.verbs.close(closing)

    action, amount = DECISIONS[deed]
    (decision,) = correcting.company.rows("select line from decisions")
    assert decision["line"] == (
        f"2026-11-20T12:00:00Z | OPERATOR=vp-1@ops.example | ACTION={action} | TENANT=acme | PERIOD=2026-10 | "
        f"INVOICE=INV-000042 | AMOUNT={amount} | REASON=counted   twice or   more | EXECUTOR=Finance"
    )
    row = correcting.book.find(ordered.case_id)
    assert row is not None
    assert (row.ending, row.story) == (closing.ending, closing.story)
    corrections = correcting.company.rows("select ticket_id, round, issue_type, credit_amount from billing_corrections")
    one = {"ticket_id": ordered.reference, "round": 1, "issue_type": "pricing", "credit_amount": 40_00}
    assert corrections == ([one] if deed is Deed.CREDIT else [])
    (remark,) = correcting.company.rows("select dispute_note from invoices order by revision desc limit 1")
    assert f"Correction {ordered.reference}: USD {amount}" in remark["dispute_note"]


def test_another_ending_than_the_first_is_a_conflict(correcting: Correcting) -> None:
    opened = correcting.opened()
    correcting.verbs.close(correcting.closing(opened.order, None, Ending.WITHDRAWN))

    words = refusal(
        lambda: correcting.verbs.close(correcting.closing(opened.order, None, Ending.REJECTED)), FailureCode.CONFLICT
    )

    assert words == "correction/INV-000042/k-1 ended as withdrawn already"


@pytest.mark.parametrize("deed", list(Deed))
def test_a_case_that_ends_early_leaves_nothing_that_could_be_sent(correcting: Correcting, deed: Deed) -> None:
    op_key = correcting.ready(deed)

    correcting.verbs.close(correcting.closing(order(deed), None, Ending.WITHDRAWN))

    refusal(lambda: correcting.verbs.carry_out(op_key), FailureCode.NOT_APPROVED)
    assert correcting.fake.keys == []


def test_the_newest_corrections_come_first_and_the_open_ones_alone(correcting: Correcting) -> None:
    opened = []
    for occasion in ("k-1", "k-2", "k-3"):
        opened.append(correcting.opened(occasion=occasion).order)
        correcting.company.now += timedelta(minutes=1)
    correcting.verbs.close(correcting.closing(opened[1], None, Ending.WITHDRAWN))

    newest, still_open = correcting.book.latest(2), correcting.book.latest(9, only_open=True)

    assert [row.order.occasion for row in newest] == ["k-3", "k-2"]
    assert [row.order.occasion for row in still_open] == ["k-3", "k-1"]
    assert all(row.order.requested_by == BY for row in newest)


def test_a_receipt_is_what_the_parts_say(correcting: Correcting) -> None:
    receipt: CorrectionReceipt = correcting.carried_out(amount=usd("9.00"))

    assert (receipt.to_balance, receipt.credit_note_number) == (usd("9.00"), None)
    assert receipt.lowered_due + receipt.refunded + receipt.to_balance == receipt.amount
