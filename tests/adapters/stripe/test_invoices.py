"""Issued documents as Stripe holds them after a push, and what keeps one from being pushed."""

from __future__ import annotations

from typing import Any

import pytest

from activities.ports import Wire
from billing.effects import EffectState
from billing.failures import BillingFailure, FailureCode
from sandbox.stripe.faults import FaultKind
from tests.adapters.stripe.attempts import ProcessDiedError
from tests.adapters.stripe.documents import AtStripe
from tests.fixtures.stripe_simulator import StripeSimulator


@pytest.fixture
def account(stripe_simulator: StripeSimulator) -> AtStripe:
    return AtStripe(stripe_simulator)


@pytest.mark.parametrize(("currency", "amounts"), [("USD", (5_00, 7, -12)), ("JPY", (500, 7, -12)), ("EUR", (1,))])
def test_a_pushed_document_stands_open_with_our_number_and_our_lines(
    account: AtStripe, currency: str, amounts: tuple[int, ...]
) -> None:
    document = account.document(*amounts, currency=currency)

    answer = account.pushing(document).once()

    [invoice] = account.held()
    assert (invoice.id, invoice.status, invoice.number) == (answer.provider_id, "open", "INV-2026-acme")
    assert (invoice.total, invoice.currency) == (sum(amounts), currency.lower())
    assert [line.amount for line in account.lines(invoice.id)] == list(amounts)


def test_a_document_over_nothing_is_paid_at_once(account: AtStripe) -> None:
    account.pushing(account.document(0)).once()

    assert [invoice.status for invoice in account.held()] == ["paid"]


def test_stripe_mails_nothing_and_charges_nothing(account: AtStripe) -> None:
    account.pushing(account.document(5_00)).once()

    types = {event.type for event in account.client.v1.events.list({"limit": 100}).data}
    [invoice] = account.held()
    assert not {"invoice.sent", "invoice.paid", "invoice.payment_failed"} & types
    assert (invoice.auto_advance, invoice.attempted) == (False, False)


def test_credits_of_ours_are_the_customers_balance_there(stripe_simulator: StripeSimulator) -> None:
    account = AtStripe(stripe_simulator, balance=-2_00)

    account.pushing(account.document(5_00, due_minor=3_00)).once()

    [invoice] = account.held()
    assert (invoice.total, invoice.amount_due) == (5_00, 3_00)


@pytest.mark.parametrize(("balance", "due"), [(0, 3_00), (-2_00, 5_00), (-9_00, 1), (1_00, 5_00)])
def test_another_balance_than_our_credits_parks_the_document_before_anything_is_final(
    stripe_simulator: StripeSimulator, balance: int, due: int
) -> None:
    account = AtStripe(stripe_simulator, balance=balance)
    pushing = account.pushing(account.document(5_00, due_minor=due))

    with pytest.raises(BillingFailure, match="compare the balance with the credits") as failure:
        pushing.once()

    assert failure.value.code is FailureCode.PROVIDER_REFUSED
    assert pushing.state is EffectState.REFUSED
    assert [invoice.status for invoice in account.held()] == ["draft"]


def test_a_balance_that_is_corrected_lets_the_same_draft_be_finished(stripe_simulator: StripeSimulator) -> None:
    account = AtStripe(stripe_simulator, balance=-2_00)
    pushing = account.pushing(account.document(5_00))
    with pytest.raises(BillingFailure):
        pushing.once()

    account.client.v1.customers.balance_transactions.create(account.customer, {"amount": 2_00, "currency": "usd"})
    pushing.ledger.next_generation(pushing.effect.op_key)
    pushing.once()

    assert [(invoice.status, invoice.amount_due) for invoice in account.held()] == [("open", 5_00)]


def test_a_draft_that_somebody_added_to_is_not_finalised(account: AtStripe) -> None:
    document = account.document(5_00)
    draft = account.client.v1.invoices.create(
        {"customer": account.customer, "currency": "usd", "metadata": {"op_key": document.op_key}}
    )
    account.client.v1.invoices.add_lines(draft.id, {"lines": [{"amount": 1, "description": "by hand"}]})
    pushing = account.pushing(document)
    pushing.ledger.next_generation(document.op_key)

    with pytest.raises(BillingFailure, match=f"draft {draft.id} at Stripe comes to USD 5.01, our document to USD 5.00"):
        pushing.once()

    assert [invoice.status for invoice in account.held()] == ["draft"]


@pytest.mark.parametrize("stopped_at", ["add_lines", "finalize"])
@pytest.mark.parametrize("lines", [1, 120])
def test_a_half_made_draft_is_found_by_its_mark_and_finished(account: AtStripe, stopped_at: str, lines: int) -> None:
    document = account.document(*[3] * lines)
    pushing = account.pushing(document)
    path = f"/v1/invoices/*/{stopped_at}"
    account.control.fault(
        FaultKind.ERROR_BEFORE_COMMIT, path, attempts=(1 if lines == 1 or stopped_at == "finalize" else 2,)
    )
    with pytest.raises(BillingFailure):
        pushing.once()

    pushing.hours_pass(25)
    pushing.until_settled()

    [invoice] = account.held()
    assert (invoice.status, invoice.total) == ("open", 3 * lines)
    assert pushing.ledger.rows[document.op_key].generation == 2


def test_lines_beyond_a_hundred_take_further_calls(account: AtStripe) -> None:
    account.pushing(account.document(*range(1, 251))).once()

    [invoice] = account.held()
    assert invoice.total == 250 * 251 // 2
    calls = [entry for entry in account.control.requests("POST") if entry.path.endswith("/add_lines")]
    assert len(calls) == 3


def test_more_lines_than_an_invoice_holds_are_folded_into_one(account: AtStripe) -> None:
    account.pushing(account.document(*[2] * 300)).once()

    [invoice] = account.held()
    lines = account.lines(invoice.id)
    assert (invoice.total, len(lines), lines[-1].amount) == (600, 250, 2 * 51)


def test_a_push_takes_three_requests(account: AtStripe) -> None:
    before = len(account.control.requests())

    account.pushing(account.document(5_00, 1, 2)).once()

    assert len(account.control.requests()) - before == 3


def test_each_request_has_a_key_below_the_effects(account: AtStripe) -> None:
    pushing = account.pushing(account.document(5_00))

    pushing.once()

    key = pushing.effect.idempotency_key
    keys = [entry.idempotency_key for entry in account.control.requests("POST")][-3:]
    assert keys == [f"{key}/draft", f"{key}/lines/1", f"{key}/finalize"]
    assert max(map(len, keys)) <= 255


def test_one_that_a_person_voided_stays_voided(account: AtStripe) -> None:
    document = account.document(5_00)
    pushing = account.pushing(document, deaths=1)
    with pytest.raises(ProcessDiedError):
        pushing.once()
    [invoice] = account.held()
    account.client.v1.invoices.void_invoice(invoice.id)

    pushing.hours_pass(25)
    answer = pushing.until_settled()

    assert getattr(answer, "provider_id", None) == invoice.id
    assert [one.status for one in account.held()] == ["void"]


def test_a_balance_that_moves_while_stripe_finalises_is_kept_on_record(account: AtStripe) -> None:
    document = account.document(5_00)
    pushing = account.pushing(document)
    account.control.fault(FaultKind.RATE_LIMIT, "/v1/invoices/*/finalize", attempts=(1,))
    with pytest.raises(BillingFailure):
        pushing.once()
    account.client.v1.customers.balance_transactions.create(account.customer, {"amount": -1_00, "currency": "usd"})

    answer = pushing.once()

    assert (answer.kept["amount_due"], answer.kept["due_apart"]) == (4_00, -1_00)


CHANGES: dict[str, tuple[str, str]] = {
    "plan_void": ("void", "void_invoice_op_key"),
    "plan_write_off": ("uncollectible", "mark_uncollectible_op_key"),
    "plan_paid_elsewhere": ("paid", "pay_out_of_band_op_key"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_open_invoice_is_changed_for_a_reason_that_stays_with_it(account: AtStripe, change: str) -> None:
    status, mark = CHANGES[change]
    invoice_id = account.pushing(account.document(5_00)).once().provider_id
    wire: Wire = getattr(account.invoices, change)(invoice_id, "correction/1", "made twice")

    before = account.invoices.find(wire, "correction/1")
    answer = account.invoices.send(wire, "key")

    invoice = account.client.v1.invoices.retrieve(invoice_id)
    metadata: dict[str, Any] = invoice.to_dict()["metadata"]
    assert (before, invoice.status, answer.kept["status"]) == (None, status, status)
    assert (metadata["reason"], metadata[mark]) == ("made twice", "correction/1")
    assert metadata["op_key"] == "month-end/2026-10/invoice/acme"
    assert account.invoices.find(wire, "correction/1") == answer


def test_voiding_a_draft_deletes_it_once_or_twice(account: AtStripe) -> None:
    draft = account.client.v1.invoices.create({"customer": account.customer, "currency": "usd"})
    wire = account.invoices.plan_void(draft.id, "correction/1", "left behind")

    before = account.invoices.find(wire, "correction/1")
    answers = [account.invoices.send(wire, "key"), account.invoices.send(wire, "key")]

    assert before is None
    assert account.held() == []
    assert answers[0] == answers[1] == account.invoices.find(wire, "correction/1")


def test_what_is_paid_cannot_be_voided(account: AtStripe) -> None:
    invoice_id = account.pushing(account.document(0)).once().provider_id

    with pytest.raises(BillingFailure) as failure:
        account.invoices.send(account.invoices.plan_void(invoice_id, "correction/1", "made twice"), "key")

    assert failure.value.code is FailureCode.PROVIDER_REFUSED


def test_a_call_we_never_make_is_refused_before_it_is_sent(account: AtStripe) -> None:
    before = len(account.control.requests())

    with pytest.raises(BillingFailure, match="'refund' is no call we make for invoices"):
        account.invoices.send(Wire(call="refund", params={}), "key")

    assert len(account.control.requests()) == before
