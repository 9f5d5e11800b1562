"""Reconciliation in SQL: the same answer as the rule in Python, all that was planted, nothing in clean rows, once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, insert, text, update

from activities.reconciliation_ports import InvoicePage
from adapters.postgres.reconciliation import PostgresReconciliations
from adapters.postgres.tables import billing_runs, effects, invoices
from billing.corrections import sha256_of
from billing.failures import BillingFailure, FailureCode
from billing.invoices import InvoiceStatus
from billing.money import Money
from billing.month_end import invoice_op_key, over_since
from billing.policy.standard import RECONCILIATION
from billing.reconciliation import Difference, differences
from billing.reconciling import ReconciliationOrder
from tests.adapters.postgres.both_sides import PERIOD, BothSides, in_order

OPEN, PAID, VOID, DRAFT = InvoiceStatus.OPEN, InvoiceStatus.PAID, InvoiceStatus.VOID, InvoiceStatus.DRAFT
Drawn = dict[str, Any]
NUMBERS = count()
TENANTS = ("acme", "bolt", "crow")
ISSUED = [status for status in InvoiceStatus if status is not DRAFT]

few_amounts = st.sampled_from([0, 1, 199, 200, 201, 1_000_00, 1_005_00, 1_005_01])
drawn_document = st.fixed_dictionaries(
    {
        "total": few_amounts,
        "status": st.sampled_from(ISSUED),
        "currency": st.sampled_from(["USD", "JPY"]),
        "lines": st.integers(0, 2),
        "linked": st.sampled_from(["own", "own", "another", "nothing"]),
        "settled": st.booleans(),
    }
)
# None: as the document of the same tenant has it, so that most of what is drawn agrees in most things.
drawn_invoice = st.fixed_dictionaries(
    {
        "of": st.sampled_from(TENANTS),
        "name": st.sampled_from(["own", "own", "another", "third"]),
        "total": st.none() | few_amounts,
        "due_less": st.sampled_from([0, 0, 1, 50]),
        "status": st.none() | st.sampled_from(list(InvoiceStatus)),
        "currency": st.none() | st.sampled_from(["USD", "JPY"]),
        "credited": st.sampled_from([0, 0, 0, 1, 500]),
        "marked": st.booleans(),
        "numbered": st.booleans(),
        "hours": st.integers(0, 3),
    }
)


def drawn_sides(engine: Engine, documents: dict[str, Drawn], mirrored: set[str], drawn: list[Drawn]) -> BothSides:
    """A period of its own for every example, so that none has to be taken away. `mirrored` documents stand on the
    provider's side just as on ours."""
    number = next(NUMBERS)
    sides = BothSides(engine, period=f"{1000 + number // 12}-{1 + number % 12:02}")
    for tenant, one in documents.items():
        link = None if one["linked"] == "nothing" else f"in_{number}_{tenant}_{one['linked']}"
        alike = {"status": one["status"], "currency": one["currency"], "provider_invoice_id": link}
        due = 0 if one["settled"] else one["total"]
        sides.document(tenant, one["total"], credited=one["total"] - due, lines=one["lines"], **alike)
        if tenant in mirrored and link:
            sides.invoice(tenant, one["total"], due_minor=due, **alike)
    known = {invoice.provider_invoice_id for invoice in sides.theirs}
    for named in {f"in_{number}_{one['of']}_{one['name']}": one for one in drawn}.items():
        if named[0] not in known:
            _draw_invoice(sides, documents, *named)
    return sides


def _draw_invoice(sides: BothSides, documents: dict[str, Drawn], name: str, drawn: Drawn) -> None:
    like = documents.get(drawn["of"], {"total": 5, "status": OPEN, "currency": "USD"})
    one = drawn | {field: like[field] for field in ("total", "status", "currency") if drawn[field] is None}
    unmarked = {field: None for field, kept in (("op_key", one["marked"]), ("number", one["numbered"])) if not kept}
    sides.invoice(
        one["of"],
        one["total"],
        provider_invoice_id=name,
        due_minor=one["total"] - one["due_less"],
        status=one["status"],
        currency=one["currency"],
        credited_minor=one["credited"],
        created_at=sides.billed_at + timedelta(hours=one["hours"]),
        **unmarked,
    )


# An example writes both sides into Postgres; all of them share one database.
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    documents=st.dictionaries(st.sampled_from(TENANTS), drawn_document, max_size=3),
    mirrored=st.sets(st.sampled_from(TENANTS)),
    drawn=st.lists(drawn_invoice, max_size=5),
)
def test_the_statement_answers_as_the_rule_does(
    engine: Engine, documents: dict[str, Drawn], mirrored: set[str], drawn: list[Drawn]
) -> None:
    sides = drawn_sides(engine, documents, mirrored, drawn).written()

    sides.compared()

    assert in_order(sides.recorded()) == in_order(differences(sides.ours, sides.theirs, RECONCILIATION))


@pytest.fixture
def sides(engine: Engine) -> BothSides:
    return BothSides(engine)


def planted(sides: BothSides) -> None:
    """Fifty differences of the six kinds: nine of most, five of a kind that is dear to make."""
    for number in range(9):
        sides.document(f"missing-there-{number}")
        sides.invoice(f"missing-here-{number}", 7_00 + number)
        sides.both(f"status-{number}", status=VOID)
        sides.both(f"amount-{number}", 100_00 + number * 100, credited_minor=90_00)
        sides.both(f"twice-{number}")
        sides.invoice(f"twice-{number}", provider_invoice_id=f"in_copy_{number}", number=None)
    for number in range(5):
        sides.both(f"currency-{number}", currency="EUR")


def test_fifty_planted_differences_are_found_in_ten_thousand_clean_rows_and_nothing_else(sides: BothSides) -> None:
    planted(sides)
    for number in range(10_000):
        sides.both(f"clean-{number}", 100 + number)

    report = sides.written().compared()

    assert {one.difference: one.beyond for one in report.counts} == {
        Difference.MISSING_AT_PROVIDER: 9,
        Difference.MISSING_IN_BOOKS: 9,
        Difference.STATUS: 9,
        Difference.AMOUNT: 9,
        Difference.CURRENCY: 5,
        Difference.DUPLICATE: 9,
    }
    assert report.beyond == 50
    assert not [one for one in sides.recorded() if "clean" in (one.tenant_id or one.provider_invoice_id or "")]


def test_comparing_again_records_nothing_and_answers_the_same(sides: BothSides) -> None:
    planted(sides)
    first = sides.written().compared()
    recorded = sides.recorded()

    again = sides.compared()

    assert again == first
    assert sides.recorded() == recorded


def test_totals_never_net_what_is_too_much_with_what_is_too_little(sides: BothSides) -> None:
    sides.both("right", 50_00)
    sides.document("low", 100_00)
    sides.invoice("low", 80_00)
    sides.document("high", 100_00)
    sides.invoice("high", 120_00)
    sides.document("gone", 5_00)
    sides.invoice("stranger", 3_00)

    report = sides.written().compared()

    [usd] = report.totals
    assert (usd.internal, usd.provider) == (Money.of("255", "USD"), Money.of("253", "USD"))
    assert (usd.documents, usd.apart) == (4, Money.of("48", "USD"))


def test_what_is_void_or_a_draft_on_one_side_counts_for_nothing_there(sides: BothSides) -> None:
    sides.both("voided-there", 10_00, status=VOID)
    sides.document("voided-here", 10_00, status=VOID)
    sides.invoice("voided-here", 10_00)
    sides.both("paid-there", 10_00, status=PAID)

    [usd] = sides.written().compared().totals

    assert (usd.internal_minor, usd.provider_minor, usd.apart_minor) == (20_00, 20_00, 20_00)


def test_a_corrected_document_counts_as_its_newest_revision_says(sides: BothSides, engine: Engine) -> None:
    sides.both("acme", 100_00, credited_minor=40_00)
    sides.written()
    with engine.begin() as connection:
        connection.execute(
            insert(invoices).values(
                invoice_id=f"inv-{PERIOD}-acme-R2",
                number=f"INV-{PERIOD}-acme-R2",
                revision=2,
                corrects=f"inv-{PERIOD}-acme",
                tenant_id="acme",
                period=PERIOD,
                status="open",
                currency="USD",
                total_minor=60_00,
                issued_at=datetime.now(UTC),
                provider_invoice_id=f"in_{PERIOD}_acme",
            )
        )

    report = sides.compared()

    assert report.counts == ()
    assert [total.internal_minor for total in report.totals] == [60_00]


def test_a_document_on_its_way_while_the_list_was_read_is_not_missing(sides: BothSides, engine: Engine) -> None:
    sides.document("slow", provider_invoice_id=None)
    sides.document("lost", provider_invoice_id=None)
    sides.written()
    now = datetime.now(UTC)
    with engine.begin() as connection:
        for tenant, sent_at in (("slow", now + timedelta(seconds=5)), ("lost", now - timedelta(hours=5))):
            connection.execute(insert(effects).values(_push(tenant, sent_at)))

    sides.compared()

    assert [one.tenant_id for one in sides.recorded()] == ["lost"]


def test_what_belongs_to_another_month_is_no_stranger_in_this_one(sides: BothSides, engine: Engine) -> None:
    september = BothSides(engine, period="2026-09")
    september.both("acme")
    september.written()
    known = {"op_key": None, "created_at": sides.billed_at}
    sides.invoice("acme", provider_invoice_id="in_2026-09_acme", number=None, **known)
    sides.invoice("acme", provider_invoice_id="in_copied", number="INV-2026-09-acme", **known)

    report = sides.written().compared()

    assert report.counts == ()


@pytest.mark.parametrize(("days", "found"), [(-1, False), (0, True), (29, True), (30, False)])
def test_an_unmarked_invoice_belongs_to_the_month_that_was_billed_when_it_was_made(
    sides: BothSides, days: int, found: bool
) -> None:
    made = sides.billed_at + timedelta(days=days)
    sides.invoice("stranger", op_key=None, number="A-1", created_at=made)

    report = sides.written().compared()

    assert bool(report.beyond) is found


def test_the_gravest_differences_come_first(sides: BothSides) -> None:
    for number in range(60):
        sides.document(f"t-{number}", 100 * (number + 1))
    sides.both("ahead", status=PAID)

    report = sides.written().compared()
    listed = sides.book.differences(sides.order.reconciliation_id, 0, 100)
    rest = sides.book.differences(sides.order.reconciliation_id, 60, 100)

    assert len(report.worst) == 50
    assert report.worst == listed[:50]
    assert [one.internal.minor for one in listed[:2] if one.internal] == [60_00, 59_00]
    assert [(one.difference, one.within_tolerance) for one in rest] == [(Difference.STATUS, True)]


def test_duplicates_that_can_be_voided_are_those_not_paid(sides: BothSides) -> None:
    sides.both("acme", 30_00)
    for name, status in (("open", OPEN), ("paid", PAID), ("draft", DRAFT), ("void", VOID)):
        sides.invoice("acme", 30_00, provider_invoice_id=f"in_{name}", status=status)

    sides.written().compared()

    found = sides.book.duplicates(sides.order.reconciliation_id)
    assert [(one.provider_invoice_id, one.amount.minor) for one in found] == [("in_draft", 0), ("in_open", 30_00)]


def test_closing_keeps_what_differs_and_lets_the_rest_go(sides: BothSides, engine: Engine) -> None:
    sides.both("acme")
    sides.both("bolt", status=VOID)
    report = sides.written().compared()

    sides.book.close(sides.order.reconciliation_id, report, datetime.now(UTC))

    with engine.connect() as connection:
        kept = connection.execute(text("select provider_invoice_id from provider_invoices")).scalars().all()
    assert kept == [f"in_{PERIOD}_bolt"]
    row = sides.book.find(sides.order.reconciliation_id)
    assert row is not None and row.report == report


# -- reading and opening -------------------------------------------------------------------------------------------------


def test_a_page_that_is_kept_twice_is_kept_once_and_reading_goes_on_behind_it(sides: BothSides) -> None:
    sides.book.open(sides.order, datetime.now(UTC))
    invoices_ = (sides.invoice("acme"), sides.invoice("bolt"))
    name = sides.order.reconciliation_id

    sides.book.keep(name, InvoicePage(invoices=invoices_[:1], held=100, cursor="in_a"))
    between = sides.book.reading(name)
    sides.book.keep(name, InvoicePage(invoices=invoices_, held=50, cursor="in_b"))
    read = sides.book.keep(name, None)

    assert (between.cursor, between.read, between.complete) == ("in_a", 100, False)
    assert read == 150
    assert sides.book.reading(name).complete


def test_the_same_key_opens_the_same_one_and_another_period_under_it_is_refused(engine: Engine) -> None:
    book = PostgresReconciliations(engine)
    order = ReconciliationOrder(period="2026-10", occasion="k-1", requested_by="finance-1")
    now = datetime.now(UTC)

    first = book.open(order, now, "key-1")
    again = book.open(order.model_copy(update={"requested_by": "finance-2"}), now + timedelta(hours=1), "key-1")
    with pytest.raises(BillingFailure, match="this key stands for the reconciliation of 2026-10") as failure:
        book.open(order.model_copy(update={"period": "2026-09"}), now, "key-1")

    assert again == first
    assert failure.value.code is FailureCode.CONFLICT
    assert [row.order.occasion for row in book.newest("2026-10", 10)] == ["k-1"]


def test_an_unknown_one_is_not_found(engine: Engine) -> None:
    book = PostgresReconciliations(engine)

    with pytest.raises(BillingFailure, match="there is no reconciliation 2026-10/none"):
        book.reading("2026-10/none")

    assert book.find("2026-10/none") is None


def test_a_run_at_work_is_known(engine: Engine) -> None:
    book = PostgresReconciliations(engine)
    run = {"sequence": 1, "dry_run": False, "only_parked": False, "policy": {}, "requested_by": "schedule"}
    with engine.begin() as connection:
        connection.execute(
            insert(billing_runs).values(
                run_id="2026-10#1",
                period="2026-10",
                state="working",
                workflow_run_id="w",
                started_at=datetime.now(UTC),
                **run,
            )
        )
    before = book.month_end_works("2026-10")
    with engine.begin() as connection:
        connection.execute(update(billing_runs).values(state="closed", ended_at=datetime.now(UTC)))

    assert (before, book.month_end_works("2026-10"), book.month_end_works("2026-09")) == (True, False, False)


def _push(tenant: str, sent_at: datetime) -> dict[str, object]:
    request = {"invoice_id": f"inv-{PERIOD}-{tenant}"}
    return {
        "op_key": invoice_op_key(PERIOD, tenant),
        "kind": "invoice",
        "case_id": f"month-end/{PERIOD}",
        "tenant_id": tenant,
        "state": "sent",
        "request": request,
        "request_sha256": sha256_of(request),
        "wire": {},
        "first_sent_at": sent_at,
    }


assert over_since(PERIOD, "UTC") == datetime(2026, 11, 1, tzinfo=UTC)
