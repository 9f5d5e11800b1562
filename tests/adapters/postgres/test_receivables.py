"""The mirror of receivables and the attempts, asked of Postgres and of the fake."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from activities.payment_ports import ReceivablesBook
from activities.ports import EffectLedger, Wire
from adapters.policies import Policies
from adapters.postgres.effects import Effects
from adapters.postgres.receivables import PostgresReceivables
from billing.declines import Advice
from billing.effects import EffectIntent, EffectKind
from billing.failures import BillingFailure, FailureCode
from billing.invoices import InvoiceLine, InvoiceStatus, LineKind
from billing.money import Money
from billing.payment_collection import COLLECTION
from billing.payments import AttemptOrder, AttemptResult, Origin, Outcome, Receivable
from tests.adapters.postgres.company import ORIGINAL, Company, invoice
from tests.fakes.collector import FakeCollector
from tests.fakes.receivables import FakeReceivables

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
OWED = Money.of("1000.00", "USD")
DECLINED = AttemptResult(
    outcome=Outcome.DECLINED, amount=OWED, decline_code="lost_card", advice=Advice.ASK_FOR_NEW_METHOD, words="declined"
)

HELD = AttemptResult(outcome=Outcome.HELD, words="held")
WIRE = Wire(call="charge_again", params={"amount": 1000_00})


@pytest.fixture(params=["postgres", "fake"])
def book(request: pytest.FixtureRequest) -> ReceivablesBook:
    """Acme's invoice of 1,000.00 stands at the provider."""
    if request.param == "fake":
        bank = FakeCollector()
        bank.bill(ORIGINAL, "acme", OWED)
        return FakeReceivables(bank)
    request.getfixturevalue("company")
    return PostgresReceivables(request.getfixturevalue("engine"))


@pytest.fixture
def ledger(request: pytest.FixtureRequest, book: ReceivablesBook) -> EffectLedger:
    """The effects beside the book."""
    if isinstance(book, FakeReceivables):
        return book.effects
    engine = request.getfixturevalue("engine")
    return Effects(engine, Policies(engine))


def order(
    number: int = 1, origin: Origin = Origin.SCHEDULED, case_id: str = "delinquency/acme/1", **more: str
) -> AttemptOrder:
    return AttemptOrder(
        tenant_id="acme",
        invoice_id=ORIGINAL,
        origin=origin,
        number=number,
        case_id=case_id,
        requested_by="runbook",
        **more,
    )


def receivable(remaining: str = "1000.00", at: datetime = NOON, **changes: object) -> Receivable:
    plain = {
        "invoice_id": ORIGINAL,
        "number": "INV-000042",
        "tenant_id": "acme",
        "provider_invoice_id": "in_42",
        "status": InvoiceStatus.OPEN,
        "currency": "USD",
        "due": OWED,
        "remaining": Money.of(remaining, "USD"),
        "overdue_since": NOON,
        "read_at": at,
    }
    return Receivable.model_validate(plain | changes)


def test_the_mirror_shows_the_newest_reading_whichever_was_written_last(book: ReceivablesBook) -> None:
    newer = receivable("400.00", NOON + timedelta(minutes=1))

    book.keep((newer,))
    book.keep((receivable("1000.00"),))

    assert book.find(ORIGINAL) == newer
    assert book.of_tenant("acme") == (newer,)
    assert book.of_tenant("globex") == ()


def test_what_is_settled_is_not_looked_for_again(book: ReceivablesBook) -> None:
    before = book.unsettled("acme")
    book.keep((receivable(),))
    owed = book.unsettled("acme")
    book.keep((receivable("0.00", NOON + timedelta(minutes=1), status=InvoiceStatus.PAID),))

    assert (before, owed, book.unsettled("acme")) == ((ORIGINAL,), (ORIGINAL,), ())


def test_a_second_attempt_is_barred_by_the_first_until_it_is_known(book: ReceivablesBook) -> None:
    first = book.begin(order(), NOON)
    again = book.begin(order(), NOON)
    barred = book.begin(order(1, Origin.MANUAL), NOON)
    book.end(order().op_key, AttemptResult(outcome=Outcome.UNKNOWN, words="nobody knows"), NOON)
    still = book.begin(order(1, Origin.MANUAL), NOON)
    book.end(order().op_key, DECLINED, NOON)

    assert (first, again) == (None, None)
    assert barred is not None and still is not None
    assert (barred.op_key, still.outcome) == (order().op_key, Outcome.UNKNOWN)
    assert book.begin(order(1, Origin.MANUAL), NOON) is None


def test_the_first_result_stays(book: ReceivablesBook) -> None:
    book.begin(order(), NOON)
    book.end(order().op_key, DECLINED, NOON)

    said = book.end(order().op_key, AttemptResult(outcome=Outcome.PAID, amount=OWED, words="paid"), NOON)

    row = book.attempt(order().op_key)
    assert said == DECLINED
    assert row is not None
    assert (row.outcome, row.amount, row.advice, row.ended_at) == (
        Outcome.DECLINED,
        OWED,
        Advice.ASK_FOR_NEW_METHOD,
        NOON,
    )


def _intended(ledger: EffectLedger) -> str:
    op_key = order().op_key
    ledger.record(
        EffectIntent(
            op_key=op_key,
            kind=EffectKind.PAYMENT,
            case_id="delinquency/acme/1",
            tenant_id="acme",
            request={},
            request_sha256="0" * 64,
        )
    )
    return op_key


def test_what_was_given_up_is_not_sent_any_more(book: ReceivablesBook, ledger: EffectLedger) -> None:
    book.begin(order(), NOON)
    op_key = _intended(ledger)

    given_up = book.give_up(op_key, HELD, NOON)

    with pytest.raises(BillingFailure) as refused:
        ledger.freeze(op_key, WIRE, NOON)
    assert (given_up, refused.value.code) == (HELD, FailureCode.PROVIDER_BUSY)


def test_what_may_be_on_its_way_is_not_given_up(book: ReceivablesBook, ledger: EffectLedger) -> None:
    book.begin(order(), NOON)
    op_key = _intended(ledger)
    ledger.freeze(op_key, WIRE, NOON)

    given_up = book.give_up(op_key, HELD, NOON)

    row = book.attempt(op_key)
    assert given_up is None
    assert row is not None and row.ended_at is None


def test_a_number_is_taken_once_and_counted_by_origin(book: ReceivablesBook) -> None:
    for number in (1, 2):
        book.begin(order(number), NOON)
        book.end(order(number).op_key, DECLINED, NOON)
    book.begin(order(1, Origin.MANUAL), NOON)
    book.end(order(1, Origin.MANUAL).op_key, DECLINED, NOON)

    with pytest.raises(BillingFailure) as taken:
        book.begin(order(2, case_id="delinquency/acme/2"), NOON)

    assert taken.value.code is FailureCode.CONFLICT
    assert book.tried(ORIGINAL) == {Origin.SCHEDULED: 2, Origin.MANUAL: 1}
    assert [row.number for row in book.attempts(ORIGINAL)] == [1, 1, 2]


def test_one_that_sent_nothing_gives_its_number_back(book: ReceivablesBook) -> None:
    book.begin(order(), NOON)
    book.end(order().op_key, HELD, NOON)
    counted = book.tried(ORIGINAL)

    again = book.begin(order(case_id="delinquency/acme/2"), NOON + timedelta(hours=1))

    assert (counted, again, book.tried(ORIGINAL)) == ({}, None, {Origin.SCHEDULED: 1})
    assert [row.began_at for row in book.attempts(ORIGINAL)] == [NOON + timedelta(hours=1)]


def test_what_was_asked_for_is_found_by_its_key(book: ReceivablesBook) -> None:
    book.begin(order(1, Origin.MANUAL, request_key="from-the-phone"), NOON)

    found = book.requested(ORIGINAL, "from-the-phone")

    assert found is not None and found.origin is Origin.MANUAL
    assert book.requested(ORIGINAL, "another") is None


def test_who_collects_it_is_known(book: ReceivablesBook) -> None:
    book.keep((receivable(),))
    book.chased_by(ORIGINAL, "payment-retry/1")
    taken = book.chaser_of(ORIGINAL)
    book.chased_no_more(ORIGINAL, "payment-retry/1")

    assert (taken, book.chaser_of(ORIGINAL)) == ("payment-retry/1", None)


def test_who_charges_once_takes_it_from_nobody_who_chases_it(book: ReceivablesBook) -> None:
    book.keep((receivable(),))
    book.chased_by(ORIGINAL, "once", if_nobody=True)
    alone = book.chaser_of(ORIGINAL)
    book.chased_by(ORIGINAL, "payment-retry/1")
    book.chased_by(ORIGINAL, "once", if_nobody=True)

    book.chased_no_more(ORIGINAL, "once")

    assert (alone, book.chaser_of(ORIGINAL)) == ("once", "payment-retry/1")


def test_an_unknown_invoice_is_nobodys(book: ReceivablesBook) -> None:
    assert (book.named("INV-none"), book.find("none"), book.attempt("payment/none/manual-1")) == (None, None, None)
    assert book.collectible(("none",)) == ()


def test_of_many_at_once_one_may_charge(company: Company, engine: Engine) -> None:
    book = PostgresReceivables(engine)
    orders = [order(1, origin) for origin in Origin] * 3

    with ThreadPoolExecutor(len(orders)) as runbooks:
        bars = list(runbooks.map(lambda one: book.begin(one, NOON), orders))

    under_way = {row.op_key for row in book.attempts(ORIGINAL) if row.ended_at is None}
    assert len(under_way) == 1
    assert [bar is None for bar in bars] == [one.op_key in under_way for one in orders]


def test_a_document_is_collected_as_its_first_revision_whatever_it_is_called(company: Company, engine: Engine) -> None:
    company.credit("40.00")
    book = PostgresReceivables(engine)
    later = company.rows("select invoice_id, number from invoices where revision = 2")
    names = [ORIGINAL, "INV-000042", *(value for row in later for value in row.values())]

    found = {name: book.named(name) for name in names}

    assert later
    assert {one and one.invoice_id for one in found.values()} == {ORIGINAL}


def test_an_open_dispute_shows_and_a_closed_one_does_not(company: Company, engine: Engine) -> None:
    book = PostgresReceivables(engine)
    company.open("T-7")
    (contested,) = book.collectible((ORIGINAL,))
    company.run("update disputes set ending = 'billing confirmed', closed_at = now()")

    (settled,) = book.collectible((ORIGINAL,))

    assert (contested.disputed, settled.disputed) == (True, False)


@pytest.mark.parametrize(("kinds", "usage_only"), [((LineKind.USAGE,), True), ((LineKind.USAGE, LineKind.FEE), False)])
def test_whether_only_usage_is_owed(
    company: Company, engine: Engine, kinds: tuple[LineKind, ...], usage_only: bool
) -> None:
    lines = tuple(
        InvoiceLine(number=number, description=kind, quantity=1, amount_minor=10_00, kind=kind)
        for number, kind in enumerate(kinds, 1)
    )
    billed = invoice(
        10_00 * len(lines),
        lines=lines,
        invoice_id="inv-9",
        number="INV-9",
        period="2026-09",
        provider_invoice_id="in_9",
    )
    company.invoices.issue(billed)

    (collected,) = PostgresReceivables(engine).collectible(("inv-9",))

    assert collected.usage_only is usage_only


def test_the_application_may_write_both_and_delete_neither(company: Company, engine: Engine) -> None:
    privileges = text(
        "select has_table_privilege('runbooks_app', name, 'select, insert, update')"
        " and not has_table_privilege('runbooks_app', name, 'delete')"
        " from unnest(array['receivables', 'payment_attempts']) name"
    )

    with engine.connect() as connection:
        assert connection.execute(privileges).scalars().all() == [True, True]


def test_what_fell_due_is_listed_until_it_is_tried_or_collected(book: ReceivablesBook) -> None:
    first = book.due("", 10, NOON)
    book.begin(order(case_id=COLLECTION), NOON)
    unknown = book.due("", 10, NOON)
    book.end(order().op_key, DECLINED, NOON)

    assert [(one.invoice_id, one.tenant_id, one.charged, one.unknown_since) for one in first] == [
        (ORIGINAL, "acme", True, None)
    ]
    assert [one.unknown_since for one in unknown] == [NOON]
    assert book.due("", 10, NOON) == ()
    assert book.due(ORIGINAL, 10, NOON) == ()


@pytest.mark.parametrize(
    "settled",
    [{"remaining": "0.00", "status": InvoiceStatus.PAID}, {"remaining": "0.30", "too_small": True}],
    ids=["paid", "too small"],
)
def test_what_needs_no_charge_is_not_listed(book: ReceivablesBook, settled: dict[str, Any]) -> None:
    book.keep((receivable(**settled),))

    assert book.due("", 10, NOON) == ()


def test_what_somebody_collects_is_left_to_them(book: ReceivablesBook) -> None:
    book.keep((receivable(),))
    book.chased_by(ORIGINAL, "payment-retry/1")

    assert book.due("", 10, NOON) == ()


def test_what_is_paid_on_receipt_is_read_until_it_is_overdue(company: Company, engine: Engine) -> None:
    book = PostgresReceivables(engine)
    company.run("update tenants set collection = 'send_invoice'")
    before = book.due("", 10, NOON)
    book.keep((receivable(overdue_since=None),))
    read = book.due("", 10, NOON)
    book.keep((receivable(at=NOON + timedelta(minutes=1)),))

    assert [one.charged for one in before + read] == [False, False]
    assert book.due("", 10, NOON) == ()
