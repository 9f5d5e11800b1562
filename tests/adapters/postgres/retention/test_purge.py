"""Carrying a plan out: what goes, what stays as it was, and what stops it, on a real database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from adapters.postgres.decisions import DecisionLog
from adapters.postgres.press.reading import manuscripts
from billing.authority import Role
from billing.cases import Verdict
from billing.failures import BillingFailure, FailureCode
from billing.policy.retention import Fate
from billing.retention import ADDRESS_OF_THE_DELETED, NAME_OF_THE_DELETED, PlanState, WorkState
from tests.adapters.postgres.retention.estate import OLD_MONTH, PLAN, Estate, old_usage, quiet

# Whatever may never be found again of whom was deleted.
PERSONAL = ("Ann", "ann@", "Elm Street", "Bolt Ltd", "203.0.113")


def test_everything_of_whoever_waited_goes_and_nothing_of_anybody_else(estate: Estate) -> None:
    estate.waits("bolt")
    others = estate.present("acme")

    done = estate.is_gone()

    assert estate.present("bolt") == {}
    assert estate.present("acme") == others
    assert done.certificate is not None
    assert (done.certificate.left, done.certificate.gone) == (0, done.plan.total)
    assert not (estate.evidence / "dispute-T-bolt-1").exists()
    assert (estate.evidence / "dispute-T-acme-1" / "r1" / "usage_events.csv").exists()


def test_the_account_keeps_its_id_and_loses_the_person(estate: Estate) -> None:
    estate.waits("bolt")

    estate.is_gone()

    bolt = estate.tenant("bolt")
    assert (bolt.name, bolt.billing_email) == (NAME_OF_THE_DELETED, ADDRESS_OF_THE_DELETED)
    [contract] = estate.rows("select ends from contracts where tenant_id = 'bolt'")
    assert contract["ends"] == datetime(2026, 11, 1, 4, tzinfo=UTC)  # with October, which was billed last
    tables = [
        row["relname"] for row in estate.rows("select relname from pg_stat_user_tables where relname <> 'parties'")
    ]
    found = [
        table
        for table in tables
        for row in estate.rows(f'select to_jsonb(t)::text as words from "{table}" t')  # noqa: S608
        if any(word in row["words"] for word in PERSONAL) and "bolt" in row["words"]
    ]
    assert found == []


def test_documents_the_decision_log_and_credits_stay_as_they_were(estate: Estate) -> None:
    estate.waits("bolt")
    kept = "select to_jsonb(t) - 'billed_to' as row from {} t"
    tables = ("invoices", "invoice_lines", "credits", "credit_notes", "decisions", "approvals")
    before = {table: estate.rows(kept.format(table)) for table in tables if table not in ("decisions", "approvals")}

    done = estate.is_gone()

    assert {table: estate.rows(kept.format(table)) for table in before} == before
    [line] = DecisionLog(estate.engine).lines()
    assert f"ACTION=retention_purge | PLAN={PLAN} | PLAN_SHA256={done.sha256} | ROWS={done.plan.total}" in line.line
    assert DecisionLog(estate.engine).verify() is None


def test_an_old_document_goes_on_printing_the_name_it_was_issued_to(estate: Estate) -> None:
    estate.waits("bolt")

    estate.is_gone()

    with estate.engine.connect() as connection:
        [document] = manuscripts(connection, ["INV-bolt"])
    assert (document.buyer.name, document.buyer.address) == ("Bolt Ltd", "")
    assert document.invoice.lines[0].quantity == Decimal(1)


def test_a_letter_loses_its_words_and_keeps_that_it_left(estate: Estate) -> None:
    estate.waits("bolt")
    of_bolt = (
        "select op_key, request, request_sha256, state from effects where case_id like '%bolt%' and kind = 'letter'"
    )
    before = {row["op_key"]: row for row in estate.rows(of_bolt)}

    estate.is_gone()

    after = {row["op_key"]: row for row in estate.rows(of_bolt)}
    assert len(after) == len(before) == 2
    for op_key, row in after.items():
        assert row == before[op_key] | {"request": {"deleted_under": PLAN}}


def test_months_of_raw_usage_go_by_their_age(estate: Estate) -> None:
    old_usage(estate, "acme", 4)

    done = estate.is_gone()

    assert done.certificate is not None
    [row] = done.certificate.rows
    assert (row.table, row.fate, row.planned, row.gone, row.left) == (OLD_MONTH, Fate.DELETE, 4, 4, 0)
    assert estate.rows(f"select to_regclass('{OLD_MONTH}') as there") == [{"there": None}]


# -- who may -------------------------------------------------------------------------------------------------------------


def refused(estate: Estate) -> FailureCode:
    with pytest.raises(BillingFailure) as failure:
        estate.book.begin(PLAN, quiet)
    assert estate.on_record().state is PlanState.PLANNED
    return failure.value.code


def test_nothing_begins_before_another_person_said_yes(estate: Estate) -> None:
    estate.waits("bolt")
    planned = estate.plan()
    asked = estate.confirmed(planned, by=Role.VP)

    own = estate.answer(asked, Role.VP)

    assert not own.accepted
    assert "another person must decide" in own.message
    assert refused(estate) is FailureCode.NOT_APPROVED


def test_nothing_begins_after_a_no(estate: Estate) -> None:
    estate.waits("bolt")
    planned = estate.plan()
    estate.answer(estate.confirmed(planned), Role.VP, Verdict.REJECT)

    assert refused(estate) is FailureCode.NOT_APPROVED


def test_an_approval_written_past_the_application_counts_for_nothing(estate: Estate) -> None:
    estate.waits("bolt")
    estate.confirmed(estate.plan())
    estate.run(
        "update approvals set state = 'approved', decided_by = 'vp-1@ops.example', decided_role = 'vp', decided_at = now(), "
        'signed_decision = \'{"approval_id": "retention/2026-11-23/purge/a1", "request_sha256": "' + "0" * 64 + '", '
        '"verdict": "approve", "operator_id": "vp-1@ops.example", "decided_at": "2026-11-20T12:00:00Z"}\''
    )
    estate.run("update effects set state = 'intended' where kind = 'retention_purge'")

    assert refused(estate) is FailureCode.NOT_APPROVED


# The first of the tables that held something of the tenant when the plan was made.
FIVE_OF_BOLT = "; ".join(
    f"1 row of {table} of bolt planned, nothing now"
    for table in ("account_changes", "api_keys", "assessments", "authentication_logs", "billing_corrections")
)


@pytest.mark.parametrize(
    ("meanwhile", "words"),
    [
        (
            "insert into api_keys values ('key-new', 'bolt')",
            "1 row of api_keys of bolt planned, 2 rows of api_keys of bolt now",
        ),
        ("update deletion_candidates set spared_at = now()", f"{FIVE_OF_BOLT}, and 21 more"),
        (
            "insert into holds (hold_id, effect, tenant_id, reason, placed_by) values ('h', 'deletion', 'bolt', 'court', 'a')",
            f"{FIVE_OF_BOLT}, and 22 more",
        ),
    ],
)
def test_a_plan_that_drifted_is_refused_with_what_differs(estate: Estate, meanwhile: str, words: str) -> None:
    estate.waits("bolt")
    estate.approved(estate.plan())
    estate.run(meanwhile)
    before = estate.present("bolt")

    with pytest.raises(BillingFailure) as failure:
        estate.book.begin(PLAN, quiet)

    assert failure.value.code is FailureCode.STALE_DECISION
    assert failure.value.for_us == words
    assert estate.present("bolt") == before


# -- while it goes on ----------------------------------------------------------------------------------------------------


def begun(estate: Estate) -> None:
    estate.waits("bolt")
    estate.approved(estate.plan())
    estate.book.begin(PLAN, quiet)


def test_what_was_interrupted_goes_on_where_it_stood_and_counts_each_row_once(estate: Estate) -> None:
    begun(estate)
    total = estate.on_record().plan.total

    interrupted = estate.goes(estate.on_record(), batch=2, batches=9)
    whole = estate.goes(estate.on_record(), batch=2)
    again = estate.goes(estate.on_record(), batch=2)

    assert 0 < interrupted.gone < total
    assert not interrupted.over
    assert (whole.gone, whole.total, whole.over) == (total, total, True)
    assert again == whole


def test_two_workers_at_once_delete_each_row_once(estate: Estate) -> None:
    begun(estate)
    planned = estate.on_record()

    with ThreadPoolExecutor(2) as workers:
        done = list(workers.map(lambda _: estate.goes(planned, batch=3), range(2)))

    assert done[-1].gone == planned.plan.total
    assert estate.present("bolt") == {}


def test_a_session_that_dies_in_the_middle_of_a_batch_takes_its_count_along(estate: Estate) -> None:
    begun(estate)
    before = estate.present("bolt")
    with pytest.raises(DBAPIError), estate.engine.begin() as connection:
        connection.execute(text("select carry_out_retention(:plan, 1, 5)"), {"plan": PLAN})
        connection.execute(text("select pg_terminate_backend(pg_backend_pid())"))

    after = estate.present("bolt")
    whole = estate.goes(estate.on_record())

    assert after == before
    assert whole.gone == sum(before.values())


def test_finishing_and_beginning_twice_is_once(estate: Estate) -> None:
    begun(estate)
    estate.book.begin(PLAN, quiet)
    estate.goes(estate.on_record())

    first, second = estate.book.finish(PLAN, quiet), estate.book.finish(PLAN, quiet)

    assert first == second
    assert len(list(DecisionLog(estate.engine).lines())) == 1
    assert (estate.book.document(PLAN) or b"").startswith(b"%PDF")


def test_purges_follow_one_another(estate: Estate) -> None:
    begun(estate)
    estate.waits("acme")
    estate.approved(estate.plan("2026-11-30"))

    with pytest.raises(BillingFailure) as waits:
        estate.book.begin("2026-11-30", quiet)

    assert waits.value.code is FailureCode.UNAVAILABLE
    assert waits.value.for_us == f"plan {PLAN} is being carried out: this one waits for it"


def test_nothing_is_certified_while_there_is_work_left(estate: Estate) -> None:
    begun(estate)
    estate.goes(estate.on_record(), batches=1)

    with pytest.raises(BillingFailure, match="not carried out yet"):
        estate.book.finish(PLAN, quiet)

    assert estate.on_record().state is PlanState.EXECUTING


def test_a_hold_that_comes_in_between_stops_the_rest_and_it_is_planned_again_after_it(estate: Estate) -> None:
    begun(estate)
    estate.goes(estate.on_record(), batches=3)
    hold = estate.is_held("bolt")

    stopped = estate.goes(estate.on_record())
    certified = estate.book.finish(PLAN, quiet)

    assert stopped.over
    assert stopped.held == ("bolt",)
    assert certified.left == sum(estate.present("bolt").values()) > 0
    assert (estate.evidence / "dispute-T-bolt-1").exists()
    estate.holds.release(hold.hold_id, "vp-1@ops.example", "settled", estate.now)
    assert estate.plan("2026-11-30").plan.tenants == ("bolt",)


def test_rows_that_came_after_the_plan_are_left_and_said_so(estate: Estate) -> None:
    begun(estate)
    estate.goes(estate.on_record())
    estate.run("insert into api_keys values ('key-late', 'bolt')")

    certified = estate.book.finish(PLAN, quiet)

    assert certified.in_words.endswith("1 row left")
    assert estate.plan("2026-11-30").plan.total == 1


def test_it_is_too_late_to_spare_whoever_is_being_deleted(estate: Estate) -> None:
    begun(estate)
    during = estate.candidates.spare("bolt")
    estate.goes(estate.on_record())
    estate.book.finish(PLAN, quiet)

    after = estate.candidates.spare("bolt")

    assert (during, after) == (False, False)


# -- the application's own role ------------------------------------------------------------------------------------------


FORBIDDEN = (
    "delete from usage_events",
    "delete from disputes",
    "drop table usage_events_y2024m01",
    "update retention_plans set state = 'executing', begun_at = now()",
    "insert into retention_work (plan_id, position, tenant_id, table_name, planned) values ('2026-11-23', 99, 'acme', "
    "'tenants', 1)",
    "update retention_work set tenant_id = 'acme'",
    "update retention_scope set pending = 'true'",
    "update effects set request = '{\"deleted_under\": \"2026-11-23\"}' where tenant_id = 'acme' and kind = 'letter'",
    "update effects set request = '{}' where tenant_id = 'bolt' and kind = 'letter'",
    "select begin_retention('2026-11-30')",
    "select carry_out_retention('2026-11-30', 1, 10)",
)
_REFUSALS = r"permission denied|is frozen|may not be carried out|not being carried|must be owner"


def test_even_while_a_plan_is_carried_out_the_application_may_do_nothing_beside_it(estate: Estate) -> None:
    begun(estate)

    for statement in FORBIDDEN:
        with pytest.raises(Exception, match=_REFUSALS):
            as_application(estate, statement)


def test_the_application_carries_an_approved_plan_out_without_a_right_to_delete(estate: Estate) -> None:
    begun(estate)
    work = estate.rows("select position from retention_work order by position")

    for row in work:
        as_application(estate, f"select carry_out_retention('{PLAN}', {row['position']}, 1000)")

    states = {row["state"] for row in estate.rows("select state from retention_work")}
    assert states == {WorkState.DONE.value}
    assert estate.present("bolt") == {}


def as_application(estate: Estate, statement: str) -> None:
    with estate.engine.begin() as connection:
        connection.exec_driver_sql("set local role runbooks_app")
        connection.exec_driver_sql(statement)
