"""Voids and write-offs: approved by a second person like credits, made once, and never beside money given back."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from adapters.postgres.billing_runs.credit_use import apply_credits
from billing.authority import Role
from billing.cases import Verdict
from billing.corrections import Destination
from billing.failures import FailureCode
from billing.invoice_corrections import Deed
from billing.invoices import InvoiceStatus
from billing.month_end import Shard
from tests.adapters.postgres.company import ORIGINAL, Company, invoice
from tests.adapters.postgres.correcting import Correcting, refusal, usd

PROVIDER_ID = "in_42"


@pytest.fixture
def correcting(company: Company) -> Correcting:
    return Correcting(company)


def earlier_credit_applied(company: Company, amount: str) -> str:
    """A credit to the next invoice that the invoice of October used up."""
    company.invoices.issue(invoice(invoice_id="INV-old", number="INV-000007", period="2026-09"))
    earlier = company.credit(
        amount, destination=Destination.NEXT_INVOICE, invoice_id="INV-old", period="2026-09", lines=()
    )
    minor = usd(amount).minor
    company.run(f"update invoices set applied_credit_minor = {minor} where invoice_id = '{ORIGINAL}'")  # noqa: S608
    company.run(
        f"insert into credit_applications values ('{earlier.credit_id}', '{ORIGINAL}', {minor})"  # noqa: S608
    )
    return earlier.credit_id


@pytest.mark.parametrize("deed", list(Deed))
def test_whoever_ordered_it_never_approves_it_and_a_second_person_always_does(
    correcting: Correcting, deed: Deed
) -> None:
    correcting.company.hire(Role.VP, "vp-2@ops.example")
    proposal = correcting.proposed(correcting.opened(deed, requested_by="vp-1@ops.example"))
    asked = correcting.asked(proposal)

    own = correcting.company.answer(asked, Role.VP)
    unapproved = refusal(lambda: correcting.verbs.carry_out(proposal.op_key), FailureCode.NOT_APPROVED)

    assert not own.accepted
    assert "asked for this" in own.message
    assert "may not be sent" in unapproved
    assert correcting.company.rows("select * from credits") == []


@pytest.mark.parametrize(
    ("deed", "ordered", "role"),
    [
        (Deed.CREDIT, {"amount": usd("50.00")}, Role.AGENT),
        (Deed.CREDIT, {"amount": usd("50.01")}, Role.LEAD),
        (Deed.CREDIT, {"amount": usd("500.01")}, Role.VP),
        (Deed.VOID, {}, Role.VP),
        (Deed.WRITE_OFF, {}, Role.VP),
    ],
)
def test_the_amount_decides_who_approves(
    correcting: Correcting, deed: Deed, ordered: dict[str, Any], role: Role
) -> None:
    proposal = correcting.proposed(correcting.opened(deed, **ordered))
    asked = correcting.asked(proposal)

    lower = correcting.company.answer(asked, Role.AGENT) if role is not Role.AGENT else None
    answer = correcting.company.answer(asked, role)

    assert proposal.path == (role,)
    assert lower is None or not lower.accepted
    assert answer.accepted
    assert asked.amount == proposal.amount


def test_a_rejected_proposal_is_never_carried_out(correcting: Correcting) -> None:
    proposal = correcting.proposed(correcting.opened(Deed.WRITE_OFF))

    answer = correcting.company.answer(correcting.asked(proposal), Role.VP, Verdict.REJECT)

    assert answer.accepted
    refusal(lambda: correcting.verbs.carry_out(proposal.op_key), FailureCode.NOT_APPROVED)
    assert correcting.fake.changed == {}


def test_a_void_written_past_the_application_is_not_carried_out(correcting: Correcting) -> None:
    proposal = correcting.proposed(correcting.opened(Deed.VOID))
    correcting.company.run("update effects set state = 'intended'")

    words = refusal(lambda: correcting.verbs.carry_out(proposal.op_key), FailureCode.NOT_APPROVED)

    assert "still needs 1 approvals" in words
    assert correcting.fake.changed == {}


@pytest.mark.parametrize("deed", list(Deed))
def test_an_order_that_was_written_past_the_application_needs_a_second_person(
    correcting: Correcting, deed: Deed
) -> None:
    proposal = correcting.proposed(correcting.opened(deed))
    past = "select op_key || '-past', kind, case_id, tenant_id, 'intended', request, request_sha256, '{}', amount_minor"
    columns = "op_key, kind, case_id, tenant_id, state, request, request_sha256, path, amount_minor, currency"
    correcting.company.run(f"insert into effects ({columns}) {past}, currency from effects")

    words = refusal(lambda: correcting.verbs.carry_out(f"{proposal.op_key}-past"), FailureCode.NOT_APPROVED)

    assert "still needs 1 approvals" in words
    assert correcting.fake.keys == []


def test_a_void_is_confirmed_by_booking_it_alone(correcting: Correcting) -> None:
    op_key = correcting.ready(Deed.VOID)

    words = refusal(
        lambda: correcting.company.effects.confirm(op_key, correcting.fake.send(_any_wire(correcting), "k")),
        FailureCode.INVALID,
    )

    assert "confirmed by booking it" in words


def _any_wire(correcting: Correcting) -> Any:
    change = correcting.book.proposed("correction/INV-000042/k-1/void/1")
    assert change is not None
    return correcting.verbs._plan(change)


def test_write_offs_count_as_given_away_when_the_next_credit_is_approved(correcting: Correcting) -> None:
    correcting.company.invoices.issue(
        invoice(100_50, invoice_id="INV-old", number="INV-000007", period="2026-09", provider_invoice_id="in_7")
    )
    correcting.carried_out(Deed.WRITE_OFF, "k-1", invoice="INV-000007")

    proposal = correcting.proposed(correcting.opened(occasion="k-2", amount=usd("20.00")))

    assert proposal.recently_credited == usd("100.50")
    assert proposal.path == (Role.LEAD,)


def test_a_void_hands_back_the_credits_that_were_applied(correcting: Correcting) -> None:  # reference case 59
    company = correcting.company
    earlier_credit_applied(company, "10.00")
    correcting.fake.amount_remaining[PROVIDER_ID], correcting.fake.applied[PROVIDER_ID] = 990_00, 10_00

    receipt = correcting.carried_out(Deed.VOID)

    assert (receipt.lowered_due, receipt.to_balance) == (usd("990.00"), usd("10.00"))
    company.invoices.issue(invoice(invoice_id="INV-next", number="INV-000043", period="2026-11"))
    draft: Any = SimpleNamespace(invoice_id="INV-next", tenant_id="acme", currency="USD", total_minor=1_000_00)
    with company.engine.begin() as connection:
        assert apply_credits(connection, Shard(first="acme", last="acme"), [draft], company.now) == {"INV-next": 10_00}


@pytest.mark.parametrize(
    ("deed", "status"), [(Deed.VOID, InvoiceStatus.VOID), (Deed.WRITE_OFF, InvoiceStatus.UNCOLLECTIBLE)]
)
def test_a_change_is_made_once_at_the_provider_and_in_the_books(
    correcting: Correcting, deed: Deed, status: InvoiceStatus
) -> None:  # reference case 60
    op_key = correcting.ready(deed)
    first = correcting.verbs.carry_out(op_key)
    correcting.company.now += timedelta(days=2)

    again = correcting.verbs.carry_out(op_key)

    assert again == first
    assert correcting.fake.changed == {PROVIDER_ID: status}
    assert correcting.company.invoices.get(ORIGINAL).status is status
    assert len(correcting.fake.keys) == 1


def test_a_payment_that_arrives_meanwhile_makes_the_void_outdated(correcting: Correcting) -> None:
    op_key = correcting.ready(Deed.VOID)
    correcting.fake.amount_remaining[PROVIDER_ID] = 0

    outdated = refusal(lambda: correcting.verbs.carry_out(op_key), FailureCode.STALE_DECISION)
    anew = refusal(lambda: correcting.proposed(correcting.opened(Deed.VOID), revision=2), FailureCode.INVALID)

    assert "is paid at the provider and cannot be voided" in outdated
    assert anew == outdated
    assert correcting.company.invoices.get(ORIGINAL).status is InvoiceStatus.OPEN


def test_money_that_was_given_back_keeps_an_invoice_from_being_voided(correcting: Correcting) -> None:
    correcting.carried_out(amount=usd("5.00"))

    words = refusal(lambda: correcting.proposed(correcting.opened(Deed.VOID, "k-2")), FailureCode.INVALID)

    assert "USD 5.00 was given back for invoice INV-000042 already" in words
    assert "runbooks invoice correct" in words


@pytest.mark.parametrize("deed", [Deed.VOID, Deed.WRITE_OFF])
def test_a_credit_that_is_on_its_way_goes_first(correcting: Correcting, deed: Deed) -> None:
    changing = correcting.ready(deed, "k-1")
    crediting = correcting.ready(Deed.CREDIT, "k-2", amount=usd("20.00"))

    words = refusal(lambda: correcting.verbs.carry_out(changing), FailureCode.STALE_DECISION)
    receipt = correcting.verbs.carry_out(crediting)

    assert "another correction is on its way, wait for correction/INV-000042/k-2" in words
    assert receipt.amount == usd("20.00")


def test_a_void_invoice_stays_void_when_its_period_is_billed_again(correcting: Correcting) -> None:
    crediting = correcting.proposed(correcting.opened(occasion="k-2", amount=usd("20.00")))
    correcting.carried_out(Deed.VOID)
    again = invoice(invoice_id="INV-again", number="INV-000050", provider_invoice_id="in_50")
    correcting.company.invoices.issue(again)
    correcting.approved(crediting)

    words = refusal(lambda: correcting.verbs.carry_out(crediting.op_key), FailureCode.STALE_DECISION)
    receipt = correcting.carried_out(occasion="k-4", invoice="INV-000050", amount=usd("30.00"))

    assert words == "USD 20.00 is more than the USD 0.00 that can still be given back on the invoice"
    assert (
        correcting.opened(occasion="k-3").refused == "invoice INV-000042 is void already: nothing is asked for with it"
    )
    assert receipt.corrected_invoice_number == "INV-000050-R2"
    assert correcting.company.invoices.get(ORIGINAL).status is InvoiceStatus.VOID
    assert correcting.company.credits.already_credited("INV-again-R2") == usd("0.00")


def test_nothing_is_given_back_on_a_void_invoice(correcting: Correcting) -> None:
    crediting = correcting.proposed(correcting.opened(occasion="k-2", amount=usd("20.00")))
    correcting.carried_out(Deed.VOID)
    correcting.approved(crediting)

    words = refusal(lambda: correcting.verbs.carry_out(crediting.op_key), FailureCode.STALE_DECISION)

    assert words == "USD 20.00 is more than the USD 0.00 that can still be given back on the invoice"
    assert (
        correcting.opened(occasion="k-3").refused == "invoice INV-000042 is void already: nothing is asked for with it"
    )
