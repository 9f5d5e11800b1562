"""Runs as such: opening and ending them, cutting them into ranges, reporting and comparing them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from billing.contracts import RecurringFee, Terms
from billing.failures import BillingFailure, FailureCode
from billing.money import Money
from billing.month_end import Outcome, Parking, RunOrder, Shard
from billing.policy.month_end import Errand
from billing.run_reports import Change, CurrencyTotal
from tests.adapters.postgres.billing_runs.world import FINANCE, NOW, PERIOD, House

ORDER = RunOrder(period=PERIOD, requested_by=FINANCE)


def flat(amount_minor: int, currency: str = "USD") -> Terms:
    return Terms(currency=currency, fees=(RecurringFee(name="Fee", amount_minor=amount_minor),))


def many(house: House, count: int) -> list[str]:
    return [house.tenant(f"tenant-{n:02}", flat(100 + n)) for n in range(count)]


# -- opening and ending ---------------------------------------------------------------------------------------------


def test_a_run_is_opened_once_for_each_workflow_however_often_it_is_asked_for(house: House) -> None:
    many(house, 3)
    house.tenant("west", zone="Pacific/Honolulu", anchor_day=15)

    first = house.open("workflow-1", dry_run=True)
    again = house.open("workflow-1", dry_run=True)

    assert first == again
    assert (first.run_id, first.tenants, first.order.dry_run) == ("2026-10#1", 4, True)
    assert (f"{first.first}", f"{first.end}") == ("2026-09-15", "2026-11-01")
    assert first.over_at == datetime(2026, 10, 31, 23, tzinfo=UTC)


def test_starts_at_the_same_moment_open_one_run(house: House) -> None:
    def start(name: str) -> str | None:
        try:
            return house.open(name).run_id
        except BillingFailure as failure:
            assert failure.code is FailureCode.CONFLICT
            return None

    with ThreadPoolExecutor(8) as operators:
        opened = list(operators.map(start, [f"workflow-{n}" for n in range(8)]))

    assert sorted(filter(None, opened)) == ["2026-10#1"]


@pytest.mark.parametrize(
    ("period", "now", "why"),
    [
        ("2026-10", datetime(2026, 10, 31, 23, 59, tzinfo=UTC), "period 2026-10 is not over"),
        ("2026-12", NOW, "period 2026-12 has not begun"),
    ],
)
def test_a_period_that_is_not_over_is_refused(house: House, period: str, now: datetime, why: str) -> None:
    with pytest.raises(BillingFailure, match=why) as refused:
        house.runs.open(RunOrder(period=period, requested_by=FINANCE), "w", house.policy, now)

    assert refused.value.code is FailureCode.INVALID
    assert house.rows("select * from billing_runs") == []


def test_another_run_waits_until_the_first_is_over_and_a_dry_run_does_not(house: House) -> None:
    first = house.open("first")

    with pytest.raises(BillingFailure, match=r"is being billed by run 2026-10#1 since 01 Nov 06:00 UTC") as refused:
        house.open("second")
    dry = house.open("dry", dry_run=True)
    house.runs.abandon(first.run_id, "cancelled by finance-1", NOW)
    third = house.open("third")

    assert refused.value.code is FailureCode.CONFLICT
    assert (dry.run_id, third.run_id) == ("2026-10#2", "2026-10#3")
    assert house.runs.last(PERIOD) == "2026-10#3"
    assert house.runs.last(PERIOD, before="2026-10#2") == "2026-10#1"
    assert house.runs.last("2026-09") is None


def test_an_abandoned_run_leaves_its_entries_and_no_draft(house: House) -> None:
    many(house, 3)
    run = house.open()
    house.rate(run)

    house.runs.abandon(run.run_id, "wrong prices", NOW)
    house.runs.abandon(run.run_id, "once more", NOW + timedelta(hours=1))

    assert house.rows("select * from invoices") == house.rows("select * from invoice_lines") == []
    assert len(house.rows("select * from run_entries")) == 3
    (row,) = house.rows("select state, report, ended_at from billing_runs")
    assert row == {"state": "abandoned", "report": {"abandoned": "wrong prices"}, "ended_at": NOW}
    house.billed("second")
    assert len(house.numbers()) == 3


def test_cancelling_after_a_part_was_issued_keeps_that_part(house: House) -> None:
    many(house, 4)
    run = house.open()
    house.rate(run)
    house.finalise(run, Shard(first="tenant-00", last="tenant-01"))

    house.runs.abandon(run.run_id, "stop", NOW)

    assert sorted(house.totals()) == ["tenant-00", "tenant-01"]
    house.billed("second")
    assert house.numbers() == [f"INV-2026-{n:06}" for n in range(1, 5)]


def test_a_closed_run_answers_with_the_report_it_was_closed_with(house: House) -> None:
    many(house, 2)
    run = house.open()
    house.rate(run)
    report = house.runs.check(run.run_id)
    house.finalise(run)

    house.runs.close(run.run_id, report, NOW)
    house.tenant("late-comer", flat(5))
    house.billed("second")

    assert house.runs.report(run.run_id) == report


def test_a_shard_that_was_never_issued_is_left_to_the_next_run(house: House) -> None:
    many(house, 3)
    run = house.open()
    house.rate(run)
    house.finalise(run, Shard(first="tenant-00", last="tenant-01"))

    house.runs.close(run.run_id, house.runs.check(run.run_id), NOW)
    again = house.open("second", only_parked=True)

    assert again.tenants == 1
    assert house.rate(again).outcomes == {Outcome.RATED: 1}


@pytest.mark.parametrize("ask", ["preflight", "check", "report"])
def test_a_run_that_never_was_is_not_found(house: House, ask: str) -> None:
    with pytest.raises(BillingFailure, match="there is no run 2026-10#9") as refused:
        getattr(house.runs, ask)("2026-10#9")

    assert refused.value.code is FailureCode.NOT_FOUND


def test_an_issued_invoice_cannot_be_parked_and_nobody_without_a_draft_can(house: House) -> None:
    many(house, 1)
    run = house.open()
    house.rate(run)
    house.finalise(run)

    for tenant_id, code in (("tenant-00", FailureCode.CONFLICT), ("nobody", FailureCode.NOT_FOUND)):
        with pytest.raises(BillingFailure) as refused:
            house.runs.park(run.run_id, Parking(tenant_id=tenant_id, reason="not this one", by=FINANCE))
        assert refused.value.code is code

    assert len(house.rows("select * from invoice_lines")) == 1


def test_usage_is_closed_once_and_a_dry_run_closes_nothing(house: House) -> None:
    dry, real = house.open("dry", dry_run=True), house.open("real")
    later = NOW + timedelta(hours=1)

    assert house.runs.close_usage(dry.run_id, NOW) == NOW
    assert house.rows("select * from period_closings") == []
    assert house.runs.close_usage(real.run_id, later) == later
    assert house.runs.close_usage(real.run_id, later + timedelta(hours=1)) == later
    assert house.runs.close_usage(dry.run_id, later + timedelta(hours=1)) == later
    assert house.column("select cutoff from billing_runs where run_id = '2026-10#2'") == [later]


# -- ranges ---------------------------------------------------------------------------------------------------------


def test_shards_cover_everybody_once_page_by_page(house: House) -> None:
    house.policy = house.policy.model_copy(update={"shard_size": 3})
    many(house, 8)
    run = house.open()

    first = house.runs.shards(run.run_id, "", 2)
    second = house.runs.shards(run.run_id, first[-1].last, 2)

    assert [(shard.first, shard.last) for shard in (*first, *second)] == [
        ("tenant-00", "tenant-02"),
        ("tenant-03", "tenant-05"),
        ("tenant-06", "tenant-07"),
    ]
    assert house.runs.shards(run.run_id, second[-1].last, 2) == ()


def test_errands_are_what_documents_still_need(house: House) -> None:
    house.policy = house.policy.model_copy(update={"documents_a_batch": 2})
    many(house, 5)
    run = house.billed()
    needed = {errand: house.runs.waiting(run.run_id, errand) for errand in Errand}

    house.run(
        "insert into invoice_documents (number, kind, invoice_id, sha256, bytes, edition) "
        "select number, 'invoice', invoice_id, repeat('0', 64), 1, '1' from invoices where tenant_id < 'tenant-02'"
    )
    house.run(
        "update effects set state = 'confirmed', provider_id = 'in_1', wire = '{}', first_sent_at = now() "
        "where tenant_id > 'tenant-02'"
    )
    house.run(
        "insert into effects (op_key, kind, case_id, tenant_id, state, request, request_sha256, provider_id) values "
        "('month-end/2026-10/delivery/tenant-03', 'letter', 'x', 'tenant-03', 'confirmed', '{}', repeat('0', 64), 'm')"
    )

    assert needed == {Errand.PRINT: 5, Errand.PUSH: 5, Errand.DELIVER: 0}
    assert _ranges(house, run, Errand.PRINT) == [("tenant-02", "tenant-03"), ("tenant-04", "tenant-04")]
    assert _ranges(house, run, Errand.PUSH) == [("tenant-00", "tenant-01"), ("tenant-02", "tenant-02")]
    assert _ranges(house, run, Errand.DELIVER) == [("tenant-04", "tenant-04")]


def _ranges(house: House, run: Any, errand: Errand) -> list[tuple[str, str]]:
    return [(shard.first, shard.last) for shard in house.runs.documents(run.run_id, errand, "", 10)]


# -- reports --------------------------------------------------------------------------------------------------------


def test_a_dry_run_writes_entries_and_not_one_document(house: House) -> None:
    many(house, 3)
    run = house.open(dry_run=True)

    rated = house.rate(run)
    report = house.runs.check(run.run_id)

    assert rated.outcomes == report.outcomes == {Outcome.RATED: 3}
    assert (rated.lines, report.totals[0].total_minor) == (0, 303)
    assert house.rows("select * from invoices") == house.rows("select * from invoice_lines") == []
    assert house.column("select count(invoice_id) from run_entries") == [0]


def test_a_dry_run_after_the_month_end_comes_to_the_same_bills(house: House) -> None:
    many(house, 3)
    real = house.billed()

    dry = house.open("dry", dry_run=True)
    house.rate(dry)

    diff = house.runs.diff(dry.run_id, real.run_id)
    assert (diff.same, diff.only_here, diff.only_there, diff.different) == (3, 0, 0, 0)
    assert house.runs.check(dry.run_id).digest == house.runs.report(real.run_id).digest
    assert house.runs.check(dry.run_id).totals[0].issued_minor == 0


def test_two_runs_differ_by_the_bills_of_their_tenants(house: House) -> None:
    for tenant_id, fee in (("changed", 100), ("same", 100), ("gone", 700)):
        house.tenant(tenant_id, flat(fee))
    before = house.open("before", dry_run=True)
    house.rate(before)
    house.used("changed", 1)
    house.run("delete from contracts where tenant_id in ('changed', 'gone')")
    house.contract("changed", flat(150))
    house.run("delete from usage_daily")
    house.tenant("new", flat(30))

    after = house.open("after", dry_run=True)
    house.rate(after)
    diff = house.runs.diff(after.run_id, before.run_id)

    assert (diff.same, diff.only_here, diff.only_there, diff.different) == (1, 1, 1, 1)
    assert diff.changes == (
        Change(tenant_id="gone", before=usd(700), after=None),
        Change(tenant_id="changed", before=usd(100), after=usd(150)),
        Change(tenant_id="new", before=None, after=usd(30)),
    )
    assert [(total.before_minor, total.after_minor) for total in diff.totals] == [(900, 280)]


def test_runs_of_different_months_are_not_compared(house: House) -> None:
    october, september = house.open("a", dry_run=True), house.open("b", dry_run=True, period="2026-09")

    with pytest.raises(BillingFailure, match="only runs of one period can be compared") as refused:
        house.runs.diff(october.run_id, september.run_id)

    assert refused.value.code is FailureCode.INVALID


def test_totals_stand_beside_the_month_before_and_what_other_runs_issued(house: House) -> None:
    house.tenant("acme", flat(400))
    house.tenant("bolt", flat(90, "EUR"), currency="EUR", address=None)
    original = house.issued("acme", 500)
    house.issued("acme", 300, invoice_id="corrected", revision=2, corrects=original)
    house.issued("bolt", 7, currency="JPY")
    house.billed()
    house.run("update tenants set address = 'here'")

    again = house.open("second", only_parked=True)
    house.rate(again)

    assert house.runs.report("2026-10#1").totals == (
        CurrencyTotal(currency="JPY", invoices=0, total_minor=0, previous_minor=7),
        CurrencyTotal(currency="USD", invoices=1, total_minor=400, previous_minor=300),
    )
    assert house.runs.check(again.run_id).totals == (
        CurrencyTotal(currency="EUR", invoices=1, total_minor=90),
        CurrencyTotal(currency="JPY", invoices=0, total_minor=0, previous_minor=7),
        CurrencyTotal(currency="USD", invoices=0, total_minor=0, issued_minor=400, previous_minor=300),
    )


def test_lists_in_a_report_are_bounded_and_its_counts_are_not(house: House) -> None:
    house.policy = house.policy.model_copy(update={"listed_at_most": 2})
    for n in range(5):
        house.tenant(f"tenant-{n}", flat(1), address=None)

    run = house.open()
    house.rate(run)
    report = house.runs.check(run.run_id)

    assert report.outcomes == {Outcome.PARKED: 5}
    assert [stopped.tenant_id for stopped in report.stopped] == ["tenant-0", "tenant-1"]


def usd(minor: int) -> Money:
    return Money(minor=minor, currency="USD")
