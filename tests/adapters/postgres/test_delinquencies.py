"""Recovery cases as rows: one open episode a tenant, closed once, and arrangements that another person must approve."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from adapters.operator_keys import sign
from adapters.policies import Policies
from adapters.postgres.approvals import Approvals
from adapters.postgres.delinquencies import PostgresDelinquencies
from adapters.postgres.holds import PostgresHolds
from billing.arrangements import Arrangement
from billing.authority import Role
from billing.cases import SignedDecision, Verdict
from billing.delinquency import Contest
from billing.failures import BillingFailure, FailureCode
from billing.holds import HeldEffect, HoldOrder
from billing.money import Money
from billing.recovery import ArrangementRequest, ArrangementState, Ending, RecoveryStory
from tests.workflows.world import World

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)


@pytest.fixture
def world(engine: Engine) -> World:
    made = World(engine)
    made.found()
    made.tenant("acme")
    return made


@pytest.fixture
def book(world: World) -> PostgresDelinquencies:
    return PostgresDelinquencies(world.engine)


def told(case_id: str, ending: Ending | None = None) -> RecoveryStory:
    return RecoveryStory(case_id=case_id, tenant_id="acme", rung="grace", next_step="reminder 1", ending=ending)


def extension(number: int = 1, days: int = 9) -> ArrangementRequest:
    return ArrangementRequest(
        op_key=f"delinquency/acme/1/arrangement/{number}",
        case_id="delinquency/acme/1",
        tenant_id="acme",
        kind=Arrangement.EXTENSION,
        amount=Money.of("310.00", "USD"),
        days=days,
        reason="A new card is in the post.",
        requested_by="agent-1",
    )


def code_of(refused: pytest.ExceptionInfo[BillingFailure]) -> FailureCode:
    return refused.value.code


def test_the_mails_of_the_last_case_are_known_to_the_next_however_often_it_is_opened(
    book: PostgresDelinquencies,
) -> None:
    first = book.open("acme", NOW)
    book.close(told(first.case_id, Ending.RECOVERED).model_copy(update={"contacts": (NOW,)}), NOW)

    second, again = book.open("acme", NOW + timedelta(days=1)), book.open("acme", NOW + timedelta(days=2))

    assert (first.contacts, second.contacts) == ((), (NOW,))
    assert again == second


def test_a_tenant_has_one_open_episode_and_the_next_one_after_it_has_ended(book: PostgresDelinquencies) -> None:
    first, again = book.open("acme", NOW), book.open("acme", NOW + timedelta(days=1))
    book.tell(told(first.case_id), NOW)
    book.close(told(first.case_id, Ending.RECOVERED), NOW)
    book.close(told(first.case_id, Ending.RECOVERED), NOW)
    second = book.open("acme", NOW)

    assert (first, second.case_id) == (again, "delinquency/acme/2")
    assert [row.ending for row in book.latest(10, only_open=False)] == [Ending.RECOVERED, None]
    assert [row.case_id for row in book.latest(10)] == [second.case_id]
    newest, earlier = book.find("acme"), book.find("delinquency/acme/1")
    assert newest and earlier and earlier.story
    assert (newest.episode, earlier.story.ending) == (2, Ending.RECOVERED)


def test_what_does_not_fit_is_refused(book: PostgresDelinquencies) -> None:
    case = book.open("acme", NOW).case_id
    book.close(told(case, Ending.RECOVERED), NOW)

    with pytest.raises(BillingFailure) as another:
        book.close(told(case, Ending.WRITTEN_OFF), NOW)
    with pytest.raises(BillingFailure) as unknown:
        book.close(told("delinquency/acme/7", Ending.RECOVERED), NOW)
    with pytest.raises(BillingFailure) as stranger:
        book.open("nobody", NOW)

    assert [code_of(one) for one in (another, unknown, stranger)] == [
        FailureCode.CONFLICT,
        FailureCode.NOT_FOUND,
        FailureCode.NOT_FOUND,
    ]


def test_an_arrangement_without_a_path_counts_at_once_and_is_the_same_again(book: PostgresDelinquencies) -> None:
    book.open("acme", NOW)

    row, again = book.arrange(extension(), (), NOW), book.arrange(extension(), (), NOW + timedelta(hours=1))
    with pytest.raises(BillingFailure) as other:
        book.arrange(extension(days=3), (), NOW)
    book.settle(row.request.op_key, ArrangementState.OVER, NOW)

    assert (row.state, again) == (ArrangementState.IN_FORCE, row)
    assert code_of(other) is FailureCode.CONFLICT
    assert [one.state for one in book.arranged("delinquency/acme/1")] == [ArrangementState.OVER]


def test_an_arrangement_with_a_path_counts_once_another_person_has_signed_it(
    book: PostgresDelinquencies, world: World
) -> None:
    book.open("acme", NOW)
    desk = Approvals(world.engine, Policies(world.engine))
    request = extension()
    book.arrange(request, (Role.LEAD,), NOW)
    with pytest.raises(BillingFailure) as too_early:
        book.put_in_force(request.op_key, NOW)

    asked = desk.ask(request.op_key, 1, Role.LEAD, "May it be?", NOW, datetime.now(UTC) + timedelta(days=1))
    decision = SignedDecision(
        approval_id=asked.approval_id,
        request_sha256=asked.request_sha256,
        verdict=Verdict.APPROVE,
        operator_id="lead-1",
        decided_at=datetime.now(UTC),
    )
    receipt = desk.decide(sign(decision, world.tokens["lead-1"]))
    row, again = book.put_in_force(request.op_key, NOW), book.put_in_force(request.op_key, NOW)

    assert code_of(too_early) is FailureCode.NOT_APPROVED
    assert (asked.case_id, str(asked.amount), receipt.accepted) == ("delinquency/acme", "USD 310.00", True)
    assert (row.state, row.decided_by, again) == (ArrangementState.IN_FORCE, "lead-1", row)


def test_what_still_waits_is_taken_back_with_the_end_of_the_case(book: PostgresDelinquencies, world: World) -> None:
    case = book.open("acme", NOW).case_id
    desk = Approvals(world.engine, Policies(world.engine))
    book.arrange(extension(), (Role.LEAD,), NOW)
    desk.ask(extension().op_key, 1, Role.LEAD, "May it be?", NOW, NOW + timedelta(days=1))

    book.close(told(case, Ending.RECOVERED), NOW)

    assert desk.pending() == []
    assert [row.state for row in book.arranged(case)] == [ArrangementState.REFUSED]
    with pytest.raises(BillingFailure):
        book.put_in_force(extension().op_key, NOW)


def test_holds_on_the_tenant_and_on_everybody_are_seen_with_their_times(
    book: PostgresDelinquencies, world: World
) -> None:
    world.tenant("other")
    holds = PostgresHolds(world.engine)

    def placed(effect: HeldEffect, tenant: str | None, at: datetime) -> str:
        order = HoldOrder(effect=effect, tenant_id=tenant, reason="An incident.", by="lead-1")
        return holds.place(order, at).hold_id

    long_ago = placed(HeldEffect.CHARGING, "acme", NOW - timedelta(days=30))
    holds.release(long_ago, "lead-1", "Over.", NOW - timedelta(days=20))
    mine = placed(HeldEffect.SUSPENSION, "acme", NOW)
    holds.release(mine, "lead-1", "Over.", NOW + timedelta(days=1))
    everybody = placed(HeldEffect.WRITES, None, NOW + timedelta(days=2))
    placed(HeldEffect.INVOICING, "acme", NOW)
    placed(HeldEffect.CHARGING, "other", NOW)

    found = book.holds("acme", NOW - timedelta(days=10))

    assert [(hold.hold_id, hold.in_force) for hold in found] == [(mine, False), (everybody, True)]


def test_disputes_contest_from_when_they_were_opened_and_only_begun_purges_are_final(
    book: PostgresDelinquencies, world: World
) -> None:
    with world.engine.begin() as connection:
        connection.execute(
            text(
                "insert into disputes (case_id, ticket_id, tenant_id, period, category, meters, invoice_id, disputed_minor,"
                " currency, severity, ticket, opened_at) values ('dispute/T-1', 'T-1', 'acme', '2026-10',"
                " 'usage_calculation', '{api_calls}', 'inv-acme', 100, 'USD', 'low', '{}', :at)"
            ),
            {"at": NOW},
        )
        connection.execute(
            text(
                "insert into deletion_candidates (tenant_id, case_id, since) values ('acme', 'delinquency/acme/1', now())"
            )
        )
    (still_open,), begun = book.contests("acme", NOW), book.deletion_began("acme")
    with world.engine.begin() as connection:
        decided = "update disputes set ending = 'billing confirmed', closed_at = :at"
        connection.execute(text(decided), {"at": NOW + timedelta(days=3)})
        connection.execute(text("update deletion_candidates set begun_at = now()"))

    assert (still_open, begun) == (Contest(invoice_id="inv-acme", opened_at=NOW), False)
    closed = still_open.model_copy(update={"closed_at": NOW + timedelta(days=3)})
    assert (book.contests("acme", NOW), book.deletion_began("acme")) == ((closed,), True)
    assert book.contests("acme", NOW + timedelta(days=4)) == ()
