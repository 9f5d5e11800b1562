"""What belongs together, what counts as a difference, and which of them nobody needs to hear of (P5)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.invoices import InvoiceStatus
from billing.policy.standard import RECONCILIATION
from billing.reconciliation import Difference, Found, Ours, Theirs, differences, status_repair

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
OPEN, PAID, VOID, DRAFT = InvoiceStatus.OPEN, InvoiceStatus.PAID, InvoiceStatus.VOID, InvoiceStatus.DRAFT
PUSH = "month-end/2026-10/invoice/acme"
# A draft of ours is no document yet.
STATUS_PAIRS = [(here, there) for here, there in product(InvoiceStatus, InvoiceStatus) if here is not DRAFT]


def ours(total: int = 1_000_00, **changes: Any) -> Ours:
    fields: dict[str, Any] = {
        "invoice_id": "inv-2026-10-acme",
        "tenant_id": "acme",
        "op_key": PUSH,
        "numbers": frozenset({"INV-2026-000001"}),
        "status": OPEN,
        "currency": "USD",
        "total_minor": total,
        "due_minor": total,
        "lines": 0,
        "provider_invoice_id": "in_1",
        "provider_customer_id": "cus_acme",
    }
    return Ours(**(fields | changes))


def theirs(total: int = 1_000_00, **changes: Any) -> Theirs:
    fields: dict[str, Any] = {
        "provider_invoice_id": "in_1",
        "provider_customer_id": "cus_acme",
        "op_key": PUSH,
        "number": "INV-2026-000001",
        "status": OPEN,
        "currency": "USD",
        "total_minor": total,
        "due_minor": total,
        "credited_minor": 0,
        "created_at": NOON,
    }
    return Theirs(**(fields | changes))


def between(one: Ours | None, *others: Theirs) -> list[Found]:
    return differences([one] if one else [], others, RECONCILIATION)


def kinds(found: list[Found]) -> list[Difference]:
    return [one.difference for one in found]


# Our amount, the provider's, the lines of the document, and whether nobody needs to hear of it.
AMOUNTS = [
    (1_000_00, 1_005_00, 0, True),
    (1_000_00, 1_005_01, 0, False),
    (1_000_00, 1_005_01, 1, True),
    (1_000_00, 1_005_02, 1, False),
    (1_000_00, 995_00, 0, True),
    (1_000_00, 994_99, 0, False),
    (100, 101, 0, False),
    (199, 200, 0, False),
    (200, 201, 0, True),
    (0, 1, 0, False),
    (0, 1, 1, True),
    (0, 500, 3, False),
    (-1_000_00, -1_005_00, 0, True),
    (-1_000_00, 1_000_00, 8, False),
    (100_00, 1_00, 1, False),
    (1_00, 100_00, 1, False),
]


@pytest.mark.parametrize(("internal", "provider", "lines", "passes"), AMOUNTS)
def test_half_a_percent_and_a_minor_unit_a_line_may_be_apart(
    internal: int, provider: int, lines: int, passes: bool
) -> None:
    [found] = between(ours(internal, lines=lines), theirs(provider))

    assert (found.difference, found.internal_minor, found.provider_minor) == (Difference.AMOUNT, internal, provider)
    assert found.within_tolerance is passes
    assert found.tolerance_minor == int(abs(internal) * Decimal("0.005")) + lines


@given(internal=st.integers(-(10**12), 10**12), apart=st.integers(1, 10**10), lines=st.integers(0, 300))
def test_the_tolerance_is_exact_to_the_minor_unit(internal: int, apart: int, lines: int) -> None:
    allowed = apart * 1_000 <= abs(internal) * 5 + lines * 1_000

    [found] = between(ours(internal, lines=lines), theirs(internal + apart))

    assert found.within_tolerance is allowed


def test_too_much_here_never_excuses_too_little_there() -> None:
    too_little = ours(invoice_id="inv-2026-10-b", tenant_id="b", op_key="b", numbers=frozenset("b"))
    too_little = replace(too_little, provider_invoice_id="in_2")

    found = differences(
        [ours(), too_little],
        [theirs(1_100_00), theirs(900_00, provider_invoice_id="in_2", op_key="b", number="b")],
        RECONCILIATION,
    )

    assert [(one.difference, one.within_tolerance) for one in found] == [(Difference.AMOUNT, False)] * 2


def test_equal_invoices_differ_in_nothing() -> None:
    assert between(ours(), theirs()) == []


def test_a_credit_note_at_the_provider_is_what_our_next_revision_restates() -> None:
    restated = ours(960_00, numbers=frozenset({"INV-2026-000001", "INV-2026-000001-R2"}))

    assert between(restated, theirs(1_000_00, credited_minor=40_00, due_minor=960_00)) == []
    assert kinds(between(ours(), theirs(1_000_00, credited_minor=40_00))) == [Difference.AMOUNT]


def test_equal_totals_with_another_amount_due_point_at_the_customers_balance() -> None:
    [found] = between(ours(1_000_00, due_minor=800_00), theirs(1_000_00, due_minor=1_000_00))

    assert (found.difference, found.internal_minor, found.provider_minor) == (Difference.AMOUNT, 800_00, 1_000_00)
    assert "balance" in found.repair


def test_other_currencies_are_told_once_and_never_compared() -> None:
    [found] = between(ours(), theirs(5, currency="JPY"))

    assert (found.difference, found.detail) == (Difference.CURRENCY, "USD in the books, JPY at the provider")


@pytest.mark.parametrize(("here", "there"), STATUS_PAIRS)
def test_every_pair_of_statuses_says_the_same_or_names_its_repair(here: InvoiceStatus, there: InvoiceStatus) -> None:
    repair = status_repair(ours(status=here), theirs(status=there))

    found = between(ours(status=here), theirs(status=there))

    assert (repair is None) is (here is there)
    assert kinds(found) == ([] if here is there else [Difference.STATUS])
    assert [one.repair for one in found] == ([repair] if repair else [])


def test_a_payment_the_books_do_not_know_yet_alarms_nobody() -> None:
    [ahead] = between(ours(status=OPEN), theirs(status=PAID))
    [behind] = between(ours(status=PAID), theirs(status=OPEN))

    assert (ahead.within_tolerance, behind.within_tolerance) == (True, False)


def test_an_invoice_settled_by_credits_is_paid_at_the_provider_and_open_here() -> None:
    assert between(ours(due_minor=0), theirs(due_minor=0, status=PAID)) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [Difference.MISSING_AT_PROVIDER]),
        ({"provider_invoice_id": None}, [Difference.MISSING_AT_PROVIDER]),
        ({"status": PAID}, [Difference.MISSING_AT_PROVIDER]),
        ({"status": VOID}, []),
        ({"total_minor": 0, "due_minor": 0}, []),
    ],
)
def test_a_document_the_provider_lacks_is_missing_unless_it_bills_nothing(
    changes: dict[str, Any], expected: list[Difference]
) -> None:
    assert kinds(between(ours(**changes))) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [(OPEN, [Difference.MISSING_IN_BOOKS]), (PAID, [Difference.MISSING_IN_BOOKS]), (DRAFT, []), (VOID, [])],
)
def test_what_only_the_provider_bills_is_missing_in_the_books(
    status: InvoiceStatus, expected: list[Difference]
) -> None:
    assert kinds(between(None, theirs(status=status))) == expected


def test_a_push_whose_answer_was_lost_is_found_by_its_mark_or_its_number() -> None:
    unlinked = ours(provider_invoice_id=None)

    by_mark = between(unlinked, theirs(provider_invoice_id="in_9", number=None))
    by_number = between(unlinked, theirs(provider_invoice_id="in_9", op_key=None))

    assert by_mark == by_number == []


def test_the_linked_invoice_is_the_first_and_the_other_its_copy_whatever_their_age() -> None:
    older = theirs(provider_invoice_id="in_0", created_at=NOON - timedelta(days=1))

    [found] = between(ours(), theirs(), older)

    assert (found.difference, found.provider_invoice_id, found.invoice_id) == (
        Difference.DUPLICATE,
        "in_0",
        "inv-2026-10-acme",
    )


def test_without_a_link_the_oldest_is_kept() -> None:
    younger = theirs(provider_invoice_id="in_0", created_at=NOON + timedelta(days=1))

    [found] = between(ours(provider_invoice_id=None), younger, theirs())

    assert (found.difference, found.provider_invoice_id) == (Difference.DUPLICATE, "in_0")


def test_a_live_invoice_takes_the_place_of_a_voided_one() -> None:
    pushed_anew = theirs(provider_invoice_id="in_2", created_at=NOON + timedelta(days=1))

    assert between(ours(), theirs(status=VOID), pushed_anew) == []


def test_a_copy_that_was_voided_is_settled_and_a_draft_left_behind_is_not() -> None:
    voided = theirs(provider_invoice_id="in_2", status=VOID)
    left = theirs(provider_invoice_id="in_3", status=DRAFT)

    [found] = between(ours(), theirs(), voided, left)

    assert (found.difference, found.provider_invoice_id) == (Difference.DUPLICATE, "in_3")
    assert "delete" in found.repair


def test_an_unmarked_invoice_over_the_same_amount_for_the_same_customer_is_a_copy() -> None:
    by_hand = theirs(provider_invoice_id="in_2", op_key=None, number="A-7")

    copy = between(ours(), theirs(), by_hand)
    stranger = between(ours(), theirs(), replace(by_hand, total_minor=7_00, due_minor=7_00))

    assert kinds(copy) == [Difference.DUPLICATE]
    assert kinds(stranger) == [Difference.MISSING_IN_BOOKS]
