"""Credit notes at the simulator: before payment, after it, and across the two."""

from __future__ import annotations

import pytest
import stripe

from tests.sandbox.stripe.builders import Books


def test_before_payment_a_credit_note_lowers_what_remains(client: stripe.StripeClient, books: Books) -> None:
    invoice = books.open(1000)

    note = client.v1.credit_notes.create({"invoice": invoice.id, "amount": 400, "reason": "order_change"})

    after = client.v1.invoices.retrieve(invoice.id)
    assert (note.type, note.pre_payment_amount, note.post_payment_amount) == ("pre_payment", 400, 0)
    assert (after.amount_due, after.amount_remaining, after.total) == (600, 600, 1000)
    assert after.pre_payment_credit_notes_amount == 400
    assert note.number == f"{invoice.number}-CN-01"


def test_an_invoice_credited_in_full_is_settled(client: stripe.StripeClient, books: Books) -> None:
    invoice = books.open(1000)

    client.v1.credit_notes.create({"invoice": invoice.id, "amount": 1000})

    after = client.v1.invoices.retrieve(invoice.id)
    assert (after.status, after.amount_remaining, after.amount_paid) == ("paid", 0, 0)
    assert "invoice.paid" in books.events()


def test_after_payment_a_credit_goes_to_the_customers_balance(client: stripe.StripeClient, books: Books) -> None:
    invoice = books.paid(1000)

    note = client.v1.credit_notes.create({"invoice": invoice.id, "amount": 400, "credit_amount": 400})

    assert (note.type, note.post_payment_amount) == ("post_payment", 400)
    moved = client.v1.customers.balance_transactions.retrieve(
        str(invoice.customer), str(note.customer_balance_transaction)
    )
    assert (moved.amount, moved.ending_balance, moved.type) == (-400, -400, "credit_note")
    assert (moved.credit_note, moved.invoice) == (note.id, invoice.id)
    assert client.v1.customers.retrieve(str(invoice.customer)).balance == -400


def test_after_payment_money_goes_back_to_the_card(client: stripe.StripeClient, books: Books) -> None:
    invoice = books.paid(1000)

    note = client.v1.credit_notes.create({"invoice": invoice.id, "amount": 400, "refund_amount": 400})

    refund = client.v1.refunds.retrieve(str(note.refunds[0].refund))
    assert (refund.amount, refund.status) == (400, "succeeded")
    assert books.charge_of(invoice).amount_refunded == 400


def test_a_refund_made_before_is_linked_and_not_repeated(client: stripe.StripeClient, books: Books) -> None:
    invoice = books.paid(1000)
    refund = client.v1.refunds.create({"charge": books.charge_of(invoice).id, "amount": 400})

    note = client.v1.credit_notes.create(
        {"invoice": invoice.id, "amount": 400, "refunds": [{"refund": refund.id, "amount_refunded": 400}]}
    )

    assert (note.post_payment_amount, note.refunds[0].refund) == (400, refund.id)
    assert books.charge_of(invoice).amount_refunded == 400


@pytest.mark.parametrize("part", [0, 401])
def test_a_refund_is_linked_only_for_what_it_gave_back_on_this_invoice(
    client: stripe.StripeClient, books: Books, part: int
) -> None:
    invoice, other = books.paid(1000), books.paid(1000)
    refund = client.v1.refunds.create({"charge": books.charge_of(other).id, "amount": 400})

    for credited, amount in ((invoice, 400), (other, part)):
        link = {"refund": refund.id, "amount_refunded": amount}
        with pytest.raises(stripe.InvalidRequestError, match="did not give back"):
            client.v1.credit_notes.create({"invoice": credited.id, "amount": 400, "refunds": [link]})


def test_a_mixed_note_first_lowers_what_remains_and_credits_the_rest(client: stripe.StripeClient, books: Books) -> None:
    customer = books.customer(balance=-300)
    invoice = books.open(1000, customer=customer.id)

    note = client.v1.credit_notes.create({"invoice": invoice.id, "amount": 900, "credit_amount": 200})

    assert (note.type, note.pre_payment_amount, note.post_payment_amount) == ("mixed", 700, 200)
    after = client.v1.invoices.retrieve(invoice.id)
    assert (after.status, after.amount_remaining, after.post_payment_credit_notes_amount) == ("paid", 0, 200)
    assert client.v1.customers.retrieve(customer.id).balance == -200


@pytest.mark.parametrize(
    "ways",
    [
        {},
        {"credit_amount": 399},
        {"credit_amount": 401},
        {"credit_amount": 200, "refund_amount": 100},
        {"credit_amount": 200, "refund_amount": 200, "out_of_band_amount": 1},
        {"credit_amount": -100, "refund_amount": 500},
        {"out_of_band_amount": -100, "credit_amount": 500},
    ],
)
def test_the_ways_back_must_add_up_to_what_was_paid(
    client: stripe.StripeClient, books: Books, ways: dict[str, int]
) -> None:
    invoice = books.paid(1000)

    with pytest.raises(
        stripe.InvalidRequestError, match=r"must equal the post payment amount|Invalid positive integer"
    ):
        client.v1.credit_notes.create({"invoice": invoice.id, "amount": 400, **ways})

    assert client.v1.credit_notes.list({"invoice": invoice.id}).data == []
    assert client.v1.customers.retrieve(str(invoice.customer)).balance == 0
    assert books.charge_of(invoice).amount_refunded == 0


def test_all_three_ways_back_can_be_used_together(client: stripe.StripeClient, books: Books) -> None:
    invoice = books.paid(1000)

    note = client.v1.credit_notes.create(
        {
            "invoice": invoice.id,
            "amount": 600,
            "credit_amount": 100,
            "refund_amount": 200,
            "out_of_band_amount": 300,
        }
    )

    assert (note.post_payment_amount, note.out_of_band_amount) == (600, 300)
    assert client.v1.customers.retrieve(str(invoice.customer)).balance == -100
    assert books.charge_of(invoice).amount_refunded == 200


def test_notes_and_refunds_together_never_exceed_the_invoice(client: stripe.StripeClient, books: Books) -> None:
    invoice = books.paid(1000)
    client.v1.credit_notes.create({"invoice": invoice.id, "amount": 500, "credit_amount": 500})
    client.v1.refunds.create({"charge": books.charge_of(invoice).id, "amount": 300})

    with pytest.raises(stripe.InvalidRequestError, match=r"\$201\.00|\$2\.01.*\$2\.00"):
        client.v1.credit_notes.create({"invoice": invoice.id, "amount": 201, "credit_amount": 201})
    second = client.v1.credit_notes.create({"invoice": invoice.id, "amount": 200, "credit_amount": 200})

    assert second.number == f"{invoice.number}-CN-02"


def test_lines_say_what_is_credited(client: stripe.StripeClient, books: Books) -> None:
    invoice = books.open(1000, 500)
    credited = invoice.lines.data[1]

    note = client.v1.credit_notes.create(
        {
            "invoice": invoice.id,
            "lines": [
                {"type": "invoice_line_item", "invoice_line_item": credited.id, "amount": 300},
                {"type": "custom_line_item", "description": "goodwill", "quantity": 2, "unit_amount": 50},
            ],
        }
    )

    assert note.amount == 400
    lines = client.v1.credit_notes.line_items.list(note.id).data
    assert [(line.amount, line.description) for line in lines] == [(300, "usage 2"), (100, "goodwill")]


def test_a_preview_answers_like_the_note_and_keeps_nothing(client: stripe.StripeClient, books: Books) -> None:
    invoice = books.paid(1000)
    wanted = {"invoice": invoice.id, "amount": 400, "refund_amount": 400}

    preview = client.v1.credit_notes.preview(wanted)

    assert (preview.amount, preview.type) == (400, "post_payment")
    assert client.v1.credit_notes.list({"invoice": invoice.id}).data == []
    assert books.charge_of(invoice).amount_refunded == 0
    assert "credit_note.created" not in books.events()


def test_a_voided_note_gives_the_open_invoice_its_amount_back(client: stripe.StripeClient, books: Books) -> None:
    invoice = books.open(1000)
    note = client.v1.credit_notes.create({"invoice": invoice.id, "amount": 400})

    voided = client.v1.credit_notes.void_credit_note(note.id)

    after = client.v1.invoices.retrieve(invoice.id)
    assert voided.status == "void"
    assert (after.amount_remaining, after.pre_payment_credit_notes_amount) == (1000, 0)


def test_money_that_went_back_does_not_return_by_voiding_the_note(client: stripe.StripeClient, books: Books) -> None:
    invoice = books.paid(1000)
    note = client.v1.credit_notes.create({"invoice": invoice.id, "amount": 400, "credit_amount": 400})

    with pytest.raises(stripe.InvalidRequestError, match="still open"):
        client.v1.credit_notes.void_credit_note(note.id)

    assert client.v1.credit_notes.retrieve(note.id).status == "issued"


@pytest.mark.parametrize("action", ["nothing", "void"])
def test_drafts_and_void_invoices_cannot_be_credited(client: stripe.StripeClient, books: Books, action: str) -> None:
    invoice = books.draft(1000)
    if action == "void":
        client.v1.invoices.finalize_invoice(invoice.id)
        client.v1.invoices.void_invoice(invoice.id)

    with pytest.raises(stripe.InvalidRequestError, match="finalized and not void"):
        client.v1.credit_notes.create({"invoice": invoice.id, "amount": 100})


def test_an_invoice_that_no_card_paid_has_nothing_to_refund(client: stripe.StripeClient, books: Books) -> None:
    invoice = client.v1.invoices.pay(books.open(1000).id, {"paid_out_of_band": True})

    with pytest.raises(stripe.InvalidRequestError, match="nothing to refund"):
        client.v1.credit_notes.create({"invoice": invoice.id, "amount": 400, "refund_amount": 400})
