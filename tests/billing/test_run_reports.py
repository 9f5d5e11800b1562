"""When finance must see a run before it is issued, and how totals read."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.month_end import Outcome
from billing.policy.standard import MONTH_END
from billing.run_letters import question_for, total_in_words
from billing.run_reports import Bound, CurrencyTotal, RunReport, RunReview, review_reasons


def total(now: int, before: int | None = None, currency: str = "USD", issued: int = 0) -> CurrencyTotal:
    return CurrencyTotal(currency=currency, invoices=3, total_minor=now, issued_minor=issued, previous_minor=before)


def report(*totals: CurrencyTotal, drafts: int = 3, flagged: dict[Bound, int] | None = None) -> RunReport:
    return RunReport(
        run_id="2026-10#1",
        period="2026-10",
        dry_run=False,
        outcomes={Outcome.RATED: drafts},
        totals=totals,
        flagged=flagged or {},
        digest="0" * 64,
    )


@pytest.mark.parametrize(
    ("totals", "reasons"),
    [
        ((total(100_00),), ()),  # the first month of a house has nothing to compare with
        ((total(125_00, 100_00),), ()),  # exactly the share passes
        ((total(125_01, 100_00),), ("USD moved by 25.01 %, from USD 100.00 to USD 125.01",)),
        ((total(75_00, 100_00),), ()),
        ((total(74_99, 100_00),), ("USD moved by -25.01 %, from USD 100.00 to USD 74.99",)),
        ((total(0, 100_00),), ("USD moved by -100 %, from USD 100.00 to USD 0.00",)),
        ((total(10_00, 100_00, issued=90_00),), ()),  # a rerun is measured with what the period has issued
        ((total(100_00, 100_00), total(5_00, currency="EUR")), ("EUR is billed for the first time: EUR 5.00",)),
        ((total(100_00, 0),), ()),
        ((total(100_00, 100_00), total(0, None, currency="EUR")), ()),
    ],
)
def test_totals_that_move_too_far_need_a_review(totals: tuple[CurrencyTotal, ...], reasons: tuple[str, ...]) -> None:
    assert review_reasons(report(*totals), MONTH_END) == reasons


@pytest.mark.parametrize("bound", list(Bound))
def test_every_bound_needs_a_review(bound: Bound) -> None:
    found = review_reasons(report(total(100_00, 100_00), flagged={bound: 2}), MONTH_END)

    assert found == (f"2 drafts: {bound}",)


def test_a_run_without_drafts_has_nothing_to_review() -> None:
    assert review_reasons(report(total(0, 100_00), drafts=0), MONTH_END) == ()


@given(before=st.integers(1, 10**12), now=st.integers(-(10**12), 10**12))
def test_only_more_than_the_share_of_the_previous_total_needs_a_review(before: int, now: int) -> None:
    asked = bool(review_reasons(report(total(now, before)), MONTH_END))

    assert asked == (abs(now - before) > MONTH_END.total_moves_at_most * before)


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (total(100_00), "USD 100.00 in 3 invoices"),
        (total(104_20, 100_00), "USD 104.20 in 3 invoices; the period is 4.2 % above the previous one"),
        (total(90_00, 100_00), "USD 90.00 in 3 invoices; the period is 10 % below the previous one"),
        (total(100_00, 100_00), "USD 100.00 in 3 invoices; the same as the previous one"),
        (total(1_000, 900, currency="JPY"), "JPY 1000 in 3 invoices; the period is 11.11 % above the previous one"),
    ],
)
def test_a_total_reads_as_a_sentence(one: CurrencyTotal, words: str) -> None:
    assert total_in_words(one) == words


def test_an_approval_binds_every_line_by_the_digest() -> None:
    review = RunReview(
        op_key="k",
        case_id="month-end/2026-10",
        report=report(total(1_00)),
        reasons=("moved",),
        requested_by="finance-1",
    )

    other = review.model_copy(update={"report": review.report.model_copy(update={"digest": "1" * 64})})

    assert review.sha256() != other.sha256()
    assert "May 3 invoices of 2026-10 be issued, USD 1.00?" in question_for(review)


def test_a_share_is_exact() -> None:
    assert total(1, 3).moved == Decimal(-2) / 3
