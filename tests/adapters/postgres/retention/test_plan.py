"""Plans: what would go and what stays, counted without changing anything, and the hash that people confirm."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adapters.postgres.retention.candidates import DeletionCandidates
from adapters.postgres.tables import metadata
from billing.failures import BillingFailure, FailureCode
from billing.policy.retention import RULES, Fate
from billing.retention import PlanState, Spared
from tests.adapters.postgres.retention.estate import OLD_MONTH, PLAN, Estate, old_usage, quiet


def test_every_table_has_a_decision() -> None:
    undecided = set(metadata.tables) ^ set(RULES)

    assert not undecided, f"decide in billing/policy/retention.py what a purge does with {sorted(undecided)}"


def test_what_is_to_go_is_in_the_scope_and_nothing_else(estate: Estate) -> None:
    scope = {
        row["table_name"]: row["changes"] for row in estate.rows("select table_name, changes from retention_scope")
    }

    decided = {table: rule.fate for table, rule in RULES.items() if rule.fate is not Fate.KEEP}

    assert {table: Fate.REDACT if changes else Fate.DELETE for table, changes in scope.items()} == decided


def test_a_plan_names_every_row_of_whoever_waits_and_changes_none(estate: Estate) -> None:
    estate.waits("bolt")
    before = estate.present("bolt")

    planned = estate.plan()

    assert set(before) == {table for table, rule in RULES.items() if rule.fate is not Fate.KEEP}
    assert {row.table: row.rows for row in planned.plan.rows} == before
    assert planned.plan.tenants == ("bolt",)
    assert (planned.state, planned.sha256) == (PlanState.PLANNED, planned.plan.sha256())
    assert estate.present("bolt") == before


def test_the_same_plan_is_made_once(estate: Estate) -> None:
    estate.waits("bolt")
    first = estate.plan()
    estate.run("delete from api_keys where tenant_id = 'bolt'")

    again = estate.plan()

    assert again == first


def test_whoever_does_not_wait_yet_or_paid_after_all_is_in_no_plan(estate: Estate) -> None:
    estate.waits("acme", days=-1)
    estate.waits("bolt")
    taken_back = estate.candidates.spare("bolt")

    planned = estate.plan()

    assert taken_back
    assert planned.plan.total == 0
    assert planned.plan.in_words() == "nothing to delete"


def test_handing_over_twice_is_once_and_a_spared_one_may_wait_again_in_another_case(estate: Estate) -> None:
    queue: DeletionCandidates = estate.candidates
    for _ in range(2):
        estate.waits("bolt")
    queue.spare("bolt")
    estate.waits("bolt")

    queue.await_deletion("bolt", estate.now, "delinquency/bolt/2")

    rows = estate.rows("select case_id, spared_at is null as waits from deletion_candidates order by case_id")
    assert [(row["case_id"], row["waits"]) for row in rows] == [
        ("delinquency/bolt/1", False),
        ("delinquency/bolt/2", True),
    ]


def test_who_was_spared_waits_again_when_the_same_case_comes_to_its_end_a_second_time(estate: Estate) -> None:
    queue: DeletionCandidates = estate.candidates
    estate.waits("bolt", days=20)
    queue.spare("bolt")
    estate.waits("bolt", days=20)
    spared = queue.waits("bolt")

    estate.waits("bolt", days=2)

    assert (spared, queue.waits("bolt")) == (False, True)
    assert estate.plan().plan.total > 0


def test_nobody_unknown_can_be_handed_over(estate: Estate) -> None:
    with pytest.raises(BillingFailure) as refused:
        estate.waits("nobody")

    assert refused.value.code is FailureCode.CONFLICT
    assert estate.candidates.spare("nobody")


OBSTACLES = (
    (
        "insert into invoices (invoice_id, tenant_id, period, status, currency, total_minor) "
        "values ('d', 'bolt', '2026-11', 'draft', 'USD', 1)",
        "a draft of 2026-11 is not issued yet",
    ),
    (
        "insert into invoice_corrections values ('correction/I/k-1', 'key', '{}', repeat('0', 64), 'a', null, 'bolt', now())",
        "correction/I/k-1 is open",
    ),
    (
        "update disputes set ending = null, closed_at = null where case_id = 'dispute/T-bolt-2'",
        "dispute T-bolt-2 is open",
    ),
    (
        "insert into effects (op_key, kind, case_id, tenant_id, state, request, request_sha256) "
        "values ('payment/i/manual-1', 'payment', 'c', 'bolt', 'unknown', '{}', repeat('0', 64))",
        "whether payment/i/manual-1 happened is not known",
    ),
)


def test_whoever_has_something_open_stays_with_the_gravest_reason(estate: Estate) -> None:
    estate.waits("bolt")

    for number, (obstacle, why) in enumerate(OBSTACLES):
        estate.run(obstacle)
        planned = estate.plan(f"2026-11-23-{number}")
        assert planned.plan.total == 0
        assert planned.plan.spared == (Spared(subject="bolt", why=why),)


@pytest.mark.parametrize("tenant", ["bolt", None])
def test_a_legal_hold_keeps_whom_it_covers(estate: Estate, tenant: str | None) -> None:
    estate.waits("bolt")
    estate.is_held(tenant)

    planned = estate.plan()

    assert planned.plan.total == 0
    assert planned.plan.spared[0] == Spared(subject="bolt", why="deletion is held by lead-1@ops.example: a court asked")


def test_a_month_of_raw_usage_past_its_time_goes_as_a_whole(estate: Estate) -> None:
    old_usage(estate, "acme", 4)

    planned = estate.plan()

    assert planned.plan.months == (OLD_MONTH,)
    assert planned.plan.total == 4
    assert planned.plan.usage_before == estate.now - timedelta(days=800)


def test_a_legal_hold_on_one_customer_keeps_the_months_that_hold_their_usage(estate: Estate) -> None:
    old_usage(estate, "acme", 4)
    old_usage(estate, "bolt", 1)
    estate.is_held("bolt")

    planned = estate.plan()

    assert planned.plan.months == ()
    assert planned.plan.spared == (
        Spared(subject=OLD_MONTH, why="deletion of bolt is held by lead-1@ops.example: a court asked"),
    )


def test_a_plan_is_carried_out_though_others_could_go_by_now(estate: Estate) -> None:
    estate.waits("bolt")
    estate.approved(estate.plan())
    estate.waits("acme")
    estate.run("insert into api_keys values ('key-new', 'acme')")

    estate.book.begin(PLAN, quiet)

    record = estate.on_record()
    assert (record.state, record.plan.tenants) == (PlanState.EXECUTING, ("bolt",))


def test_the_database_refuses_a_plan_whose_hash_is_another(estate: Estate) -> None:
    with pytest.raises(Exception, match="hash_of_the_plan"):
        estate.run(
            "insert into retention_plans (plan_id, plan, sha256, requested_by, planned_at) "
            "values ('2026-11-23', '{}', repeat('0', 64), 'a', now())"
        )

    assert estate.book.find(PLAN) is None
