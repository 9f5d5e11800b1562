"""The next revision of an invoice restates every line that a correction touched, and sums to what was right (D8)."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from adapters.postgres.credit_notes import restated
from billing.contracts import Terms
from billing.findings import Finding, FindingKind
from billing.invoices import Invoice, LineKind
from billing.money import Money
from billing.rerating import assess
from tests.adapters.postgres.company import NOON, credit_request
from tests.billing.agreements import billed, credit_of, fee, held, issued, percent_off, tax, terms
from tests.billing.world import METER, price

NOTHING = Money.zero("USD")
EVERYTHING = terms(
    fee(2_000),
    prices=(price(),),
    discounts=(percent_off("12.5"),),
    fixed_discounts=(credit_of(700),),
    minimum_minor=7_500,
    tax=tax("0.19"),
)


def corrected(agreed: Terms, used: int, excess: int) -> tuple[Invoice, Invoice] | None:
    """The invoice for `excess` units too many and its revision; None when nothing is to be given back."""
    contract = held(agreed)
    invoice = issued(billed(contract, used={METER: used + excess}))
    found = Finding(kind=FindingKind.DUPLICATE_EVENTS, meter=METER, statement="Twice.", excess_quantity=Decimal(excess))
    outcome = assess([found], invoice, contract, already_credited=NOTHING, disputed=NOTHING)
    if not outcome.credit:
        return None
    request = credit_request(str(outcome.credit.major), lines=outcome.lines)
    return invoice, restated(invoice, request, NOON)


def test_a_revision_holds_the_lines_that_the_true_usage_would_have_had() -> None:
    documents = corrected(EVERYTHING, used=5_000, excess=1_000)

    assert documents is not None
    assert [(line.kind, line.amount_minor) for line in documents[1].lines] == [
        (LineKind.FEE, 2_000),
        (LineKind.USAGE, 5_000),
        (LineKind.DISCOUNT, -938),
        (LineKind.FIXED_DISCOUNT, -700),
        (LineKind.TAX, 1_114),
        (LineKind.MINIMUM, 500),
    ]


def test_a_revision_keeps_whose_document_it_is_and_what_was_paid_by_credit() -> None:
    documents = corrected(EVERYTHING, used=5_000, excess=1_000)

    assert documents is not None
    original = documents[0].model_copy(update={"legal_entity_id": "eu", "applied_credit_minor": 7_000})
    revision = restated(original, credit_request("10.00", lines=()), NOON)

    assert (revision.legal_entity_id, revision.applied_credit_minor) == ("eu", 6_497)
    assert revision.due_minor == 0


def test_a_new_true_up_never_lands_on_a_line_that_another_correction_added() -> None:
    contract = held(EVERYTHING)
    invoice = issued(billed(contract, used={METER: 6_000}))
    found = Finding(kind=FindingKind.DUPLICATE_EVENTS, meter=METER, statement="Twice.", excess_quantity=Decimal(1_000))
    outcome = assess([found], invoice, contract, already_credited=NOTHING, disputed=NOTHING)
    decided = restated(invoice, credit_request("1.00", lines=()), NOON)

    revision = restated(decided, credit_request(str(outcome.credit.major), lines=outcome.lines), NOON)

    assert [(line.number, line.kind, line.amount_minor) for line in revision.lines[-2:]] == [
        (6, LineKind.ADJUSTMENT, -100),
        (7, LineKind.MINIMUM, 500),
    ]


@given(st.integers(min_value=0, max_value=20_000), st.integers(min_value=1, max_value=20_000))
def test_the_revision_of_a_wrong_bill_comes_to_what_the_right_bill_would_have(used: int, excess: int) -> None:
    documents = corrected(EVERYTHING, used, excess)
    right = billed(held(EVERYTHING), used={METER: used})

    assert documents is None or documents[1].total_minor == right.total_minor
