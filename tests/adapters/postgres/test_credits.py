"""The credit book: what is proposed stays frozen, what is booked is booked once, and never more than was billed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.ports import ProviderAnswer, Wire
from adapters.postgres.credit_notes import restated
from billing.authority import Role
from billing.corrections import CreditReceipt, Destination
from billing.failures import BillingFailure, FailureCode
from billing.money import Money
from billing.policy.standard import STANDARD
from tests.adapters.postgres.company import NOON, ORIGINAL, Company, corrected_line, credit_request, invoice

ANSWER = ProviderAnswer(provider_id="cn_1")


def usd(amount: str) -> Money:
    return Money.of(amount, "USD")


def test_a_credit_above_the_limit_makes_a_credit_note_and_a_corrected_revision(company: Company) -> None:
    op_key = company.propose("40.00").request.op_key
    company.send(op_key)

    receipt = company.credits.book(op_key, ANSWER)

    assert receipt.credit_note_number == "CN-2026-000001"
    assert receipt.corrected_invoice_number == "INV-000042-R2"
    revision = company.invoices.latest("acme", "2026-10")
    assert revision is not None
    assert (revision.revision, revision.total, revision.corrects) == (2, usd("960.00"), ORIGINAL)
    line = revision.line_for("api_calls")
    assert line is not None
    assert (line.amount_minor, line.quantity) == (860_00, Decimal(860_000))
    assert company.invoices.get(ORIGINAL) == invoice()


def test_a_small_credit_waits_for_the_next_invoice_and_makes_no_document(company: Company) -> None:
    receipt = company.credit("9.00", destination=Destination.NEXT_INVOICE)

    assert (receipt.credit_note_number, receipt.corrected_invoice_number) == (None, None)
    assert company.invoices.latest("acme", "2026-10") == invoice()
    assert company.credits.already_credited(ORIGINAL) == usd("9.00")


def test_the_credit_row_holds_what_the_runbook_asks_for(company: Company) -> None:
    company.credit("40.00")

    assert company.rows("select tenant_id, amount_minor, reason, reference_id, step, created_by from credits") == [
        {
            "tenant_id": "acme",
            "amount_minor": 40_00,
            "reason": "Usage dispute resolution - events were counted twice",
            "reference_id": "T-1",
            "step": "r1.1",
            "created_by": "runbook",
        }
    ]


def test_booking_twice_returns_the_first_receipt(company: Company) -> None:
    first = company.credit("40.00")
    company.now += timedelta(hours=1)

    again = company.credits.book("dispute/T-1/credit/r1.1", ProviderAnswer(provider_id=first.provider_id))

    assert again == first
    assert len(company.rows("select * from credits")) == len(company.rows("select * from credit_notes")) == 1


def test_a_second_object_at_the_provider_is_not_swallowed(company: Company) -> None:
    company.credit("40.00")

    with pytest.raises(BillingFailure, match="one of the two must be reversed") as refused:
        company.credits.book("dispute/T-1/credit/r1.1", ProviderAnswer(provider_id="cn_other"))

    assert refused.value.code is FailureCode.CONFLICT


def test_another_amount_than_the_lines_say_becomes_one_adjustment_line(company: Company) -> None:
    op_key = company.propose("25.00", lines=(corrected_line(40_00),)).request.op_key
    company.send(op_key)

    company.credits.book(op_key, ANSWER)

    revision = company.invoices.latest("acme", "2026-10")
    assert revision is not None
    assert [line.amount_minor for line in revision.lines] == [100_00, 860_00, 15_00]
    assert revision.lines[-1].description == "Adjustment as decided in dispute T-1"
    assert revision.total == usd("975.00")


def test_a_second_correction_builds_on_the_first_and_numbers_have_no_gap(company: Company) -> None:
    company.credit("20.00", ticket_id="T-1")

    second = company.credit("30.00", ticket_id="T-2")

    assert (second.credit_note_number, second.corrected_invoice_number) == ("CN-2026-000002", "INV-000042-R3")
    revision = company.invoices.latest("acme", "2026-10")
    assert revision is not None
    assert (revision.total, revision.corrects) == (usd("950.00"), f"{ORIGINAL}-R2")
    assert [line.amount_minor for line in revision.lines] == [100_00, 850_00]


def test_a_booking_that_fails_gives_its_document_number_back(company: Company) -> None:
    op_key = company.propose("20.00").request.op_key
    company.send(op_key)
    company.run("alter table credit_notes add constraint jam check (amount_minor < 0) not valid")
    with pytest.raises(BillingFailure, match="jam"):
        company.credits.book(op_key, ANSWER)
    company.run("alter table credit_notes drop constraint jam")

    receipt = company.credits.book(op_key, ANSWER)

    assert receipt.credit_note_number == "CN-2026-000001"


@given(by_lines=st.integers(0, 900_00), amount=st.integers(1, 1_000_00))
def test_a_revision_always_sums_to_the_old_total_less_the_credit(by_lines: int, amount: int) -> None:
    request = credit_request(str(Decimal(amount) / 100), lines=(corrected_line(by_lines),))

    revision = restated(invoice(), request, NOON)

    assert sum(line.amount_minor for line in revision.lines) == revision.total_minor == 1_000_00 - amount
    assert len(revision.lines) == (2 if by_lines == amount else 3)


def test_credits_already_shown_by_a_revision_are_not_counted_again(company: Company) -> None:
    company.credit("20.00", ticket_id="T-1")
    company.credit("9.00", ticket_id="T-2", destination=Destination.NEXT_INVOICE)
    company.credit("5.00", ticket_id="T-3", destination=Destination.NEXT_INVOICE, goodwill=True, lines=())

    assert company.credits.already_credited(ORIGINAL) == usd("29.00")
    assert company.credits.already_credited(f"{ORIGINAL}-R2") == usd("9.00")


def test_proposing_the_same_key_again_returns_what_was_frozen_first(company: Company) -> None:
    first = company.propose("40.00", path=(Role.LEAD,))

    again = company.propose("45.00", path=())

    assert again == first
    assert again.path == (Role.LEAD,)


def test_a_newer_proposal_of_the_round_takes_the_earlier_one_and_its_question_back(company: Company) -> None:
    first = company.propose("40.00", step="r1.1", path=(Role.LEAD,))
    company.ask(first)

    company.propose("30.00", step="r1.2", path=(Role.LEAD,))

    assert company.rows("select op_key, state from effects order by op_key") == [
        {"op_key": "dispute/T-1/credit/r1.1", "state": "withdrawn"},
        {"op_key": "dispute/T-1/credit/r1.2", "state": "proposed"},
    ]
    assert company.approvals.pending() == []


def test_a_newer_proposal_leaves_a_sent_credit_and_other_rounds_alone(company: Company) -> None:
    sent = company.propose("10.00", step="r1.1").request.op_key
    company.send(sent)
    company.propose("10.00", step="r2.1", path=(Role.LEAD,))

    company.propose("10.00", step="r1.2", path=(Role.LEAD,))

    states = {row["op_key"]: row["state"] for row in company.rows("select op_key, state from effects")}
    assert states[sent] == "sent"
    assert states["dispute/T-1/credit/r2.1"] == "proposed"


def test_a_path_is_raised_when_the_tenant_was_credited_since_it_was_computed(company: Company) -> None:
    company.credit("40.00", ticket_id="T-1")
    request = credit_request("40.00", ticket_id="T-2")
    company.open("T-2", meters=("other_meter",))

    proposal = company.credits.propose(request, (), usd("0.00"), STANDARD)

    assert proposal.path == (Role.LEAD,)
    assert proposal.recently_credited == usd("40.00")


@pytest.mark.parametrize(("days_ago", "counted"), [(0, "30.00"), (29, "30.00"), (30, "30.00"), (31, "0.00")])
def test_credits_of_the_last_thirty_days_add_up(company: Company, days_ago: int, counted: str) -> None:
    company.now = NOON - timedelta(days=days_ago)
    company.credit("30.00")
    company.now = NOON

    recently = company.recently_credited()

    assert recently == usd(counted)


def test_a_credit_counts_from_its_approval_on_and_a_mere_proposal_does_not(company: Company) -> None:
    company.propose("30.00", ticket_id="T-1")
    company.propose("300.00", ticket_id="T-2", path=(Role.LEAD,))

    assert company.recently_credited() == usd("30.00")


@pytest.mark.parametrize(
    ("currency", "credited", "recently", "path"),
    [
        ("EUR", "9.00", "10.00", ()),
        ("EUR", "36.01", "40.02", (Role.LEAD,)),
        ("JPY", "1500", "10.00", ()),
        ("JPY", "6000", "40.00", (Role.LEAD,)),
        ("JPY", "75000", "500.00", (Role.VP,)),
    ],
)
def test_credits_from_before_a_change_of_currency_count_at_the_planning_rates(
    company: Company, currency: str, credited: str, recently: str, path: tuple[Role, ...]
) -> None:
    company.was_billed_in(currency, credited)
    company.open("T-1")

    proposal = company.credits.propose(credit_request("20.00"), (), usd("0.00"), STANDARD)

    assert (proposal.recently_credited, proposal.path) == (usd(recently), path)


def test_credits_in_a_currency_without_a_planning_rate_leave_the_next_one_to_the_vp(company: Company) -> None:
    company.was_billed_in("CHF", "1.00")
    company.open("T-1")

    proposal = company.credits.propose(credit_request("1.00"), (), usd("0.00"), STANDARD)
    again = company.credits.propose(credit_request("1.00"), (), usd("0.00"), STANDARD)

    assert company.recently_credited() is None
    assert (proposal.recently_credited, proposal.path) == (None, (Role.VP,))
    assert again == proposal


def test_more_than_the_invoice_has_left_is_not_even_proposed(company: Company) -> None:
    company.propose("700.00", ticket_id="T-1", path=(Role.VP,))
    company.run("update effects set state = 'intended'")

    with pytest.raises(BillingFailure, match=r"USD 300.01: the invoice has USD 300.00 left") as refused:
        company.propose("300.01", ticket_id="T-2", path=(Role.LEAD,))

    assert refused.value.code is FailureCode.CONFLICT


def test_a_credit_in_another_currency_than_the_tenant_is_billed_in_is_refused(company: Company) -> None:
    with pytest.raises(BillingFailure, match="acme is billed in USD") as refused:
        company.credits.propose(credit_request("40.00", currency="EUR"), (), usd("0.00"), STANDARD)

    assert refused.value.code is FailureCode.INVALID


def test_two_bookings_at_once_never_give_back_more_than_was_billed(company: Company) -> None:
    keys = [company.propose("600.00", ticket_id=f"T-{n}", path=(Role.VP,), lines=()).request.op_key for n in (1, 2)]
    wire = Wire(call="credit", params={})
    company.run("update effects set state = 'intended'")
    for key in keys:
        company.effects.freeze(key, wire, NOON)
    together = Barrier(2)

    def book(key: str) -> CreditReceipt | FailureCode:
        together.wait()
        try:
            return company.credits.book(key, ProviderAnswer(provider_id=f"cn_{key}"))
        except BillingFailure as failure:
            return failure.code

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(book, keys))

    assert [type(outcome) for outcome in outcomes].count(CreditReceipt) == 1
    assert FailureCode.CONFLICT in outcomes
    assert company.rows("select sum(amount_minor) as given from credits")[0]["given"] == 600_00


def test_many_small_credits_booked_at_once_make_one_chain_of_documents(company: Company) -> None:
    keys = [company.propose("5.00", ticket_id=f"T-{n}").request.op_key for n in range(8)]
    for key in keys:
        company.send(key)

    with ThreadPoolExecutor(8) as pool:
        receipts = list(pool.map(lambda key: company.credits.book(key, ProviderAnswer(provider_id=key)), keys))

    numbers = sorted(receipt.credit_note_number or "" for receipt in receipts)
    assert numbers == [f"CN-2026-{n:06d}" for n in range(1, 9)]
    newest = company.invoices.latest("acme", "2026-10")
    assert newest is not None
    assert (newest.revision, newest.total) == (9, usd("960.00"))


@pytest.mark.parametrize(
    ("state", "after"),
    [("proposed", "withdrawn"), ("intended", "withdrawn"), ("sent", "sent"), ("confirmed", "confirmed")],
)
def test_only_what_has_not_left_can_be_withdrawn(company: Company, state: str, after: str) -> None:
    op_key = company.propose("40.00", path=(Role.LEAD,) if state == "proposed" else ()).request.op_key
    if state in ("sent", "confirmed"):
        company.send(op_key)
    if state == "confirmed":
        company.credits.book(op_key, ANSWER)

    company.credits.withdraw(op_key, "overtaken by events")

    assert company.rows("select state from effects") == [{"state": after}]


@pytest.mark.parametrize("path", [(), (Role.LEAD,)])
def test_what_was_not_sent_cannot_be_booked(company: Company, path: tuple[Role, ...]) -> None:
    op_key = company.propose("40.00", path=path).request.op_key

    with pytest.raises(BillingFailure, match="was not sent"):
        company.credits.book(op_key, ANSWER)

    assert company.rows("select * from credits") == []


def test_yen_are_booked_without_decimals(company: Company) -> None:
    company.run(
        "insert into tenants select 'tokyo', name, tier, 'JPY', zone, 'JP', 'ja-JP', billing_email, 'cus_tokyo' from tenants"
    )
    company.invoices.issue(
        invoice(100_000, invoice_id="INV-tokyo", number="INV-000043", tenant_id="tokyo", currency="JPY")
    )

    receipt = company.credit("3000", tenant_id="tokyo", currency="JPY", invoice_id="INV-tokyo")

    assert receipt.amount == Money(minor=3_000, currency="JPY")
    newest = company.invoices.latest("tokyo", "2026-10")
    assert newest is not None
    assert newest.total == Money(minor=97_000, currency="JPY")
