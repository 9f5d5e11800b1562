"""What a tenant is limited to, kept once: the strictest of what each cause asks for, changed once a step, never in part.

The contract runs on Postgres and on the fake; what only rows can show runs on Postgres.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from activities.access_ports import Restrictions
from adapters.postgres.holds import PostgresHolds
from adapters.postgres.restrictions import PostgresRestrictions
from billing.access import AccessStanding, Cause, LiftOrder, Restriction, RestrictionOrder
from billing.failures import BillingFailure, FailureCode
from billing.holds import HeldEffect, HoldOrder
from tests.adapters.postgres.company import Company
from tests.fakes.restrictions import FakeRestrictions

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=2)
_LOGGED = text("""
    insert into restriction_log (op_key, tenant_id, cause, restriction, rate_share, reason, case_id, by, at)
    values (:op_key, 'acme', 'operator', 'suspended', 0, 'their key is abused', 'by-hand', 'lead-1', :at)
""")


def to(
    restriction: str, share: str = "0", *, cause: str = "delinquency", step: str = "", **changes: Any
) -> RestrictionOrder:
    return RestrictionOrder.model_validate(
        {
            "tenant_id": "acme",
            "cause": cause,
            "restriction": restriction,
            "rate_share": share,
            "reason": f"{cause} {restriction}",
            "case_id": f"{cause}/acme/1",
            "step": step or restriction,
        }
        | changes
    )


def lift(cause: str = "delinquency", step: str = "restored") -> LiftOrder:
    return LiftOrder(tenant_id="acme", cause=Cause(cause), reason="paid", case_id=f"{cause}/acme/1", step=step)


def service(standing: AccessStanding) -> tuple[str, str, str | None]:
    return standing.restriction.value, f"{standing.rate_share:f}".rstrip("0").rstrip(".") or "0", standing.cause


@dataclass
class Books:
    """One kind of books with Acme in them, and the way to hold its suspension."""

    port: Restrictions
    engine: Engine | None = None

    def hold(self, tenant_id: str | None = "acme") -> None:
        if isinstance(self.port, FakeRestrictions):
            self.port.held = "suspension is held by hold-1: their bank is down"
        else:
            assert self.engine is not None
            order = HoldOrder(
                effect=HeldEffect.SUSPENSION, tenant_id=tenant_id, reason="their bank is down", by="lead-1"
            )
            PostgresHolds(self.engine).place(order, NOON)


@pytest.fixture(params=["postgres", "fake"])
def books(request: pytest.FixtureRequest) -> Books:
    if request.param == "fake":
        return Books(FakeRestrictions(["acme"]))
    company: Company = request.getfixturevalue("company")
    return Books(PostgresRestrictions(company.engine), company.engine)


def test_a_tenant_that_nobody_limits_has_full_service_since_ever(books: Books) -> None:
    standing = books.port.standing("acme")

    assert standing == AccessStanding(tenant_id="acme")
    assert (service(standing), standing.since, standing.revision) == (("none", "1", None), None, 0)
    assert books.port.limited() == ()


def test_the_strictest_of_all_causes_counts_and_each_lifts_only_its_own(books: Books) -> None:
    port = books.port

    told = [
        port.restrict(to("rate_limited", "0.5", cause="overage"), NOON),
        port.restrict(to("rate_limited", "0.1"), NOON),
        port.restrict(to("suspended", cause="operator"), NOON),
        port.restrict(to("new_requests_blocked"), LATER),
        port.lift(lift("operator"), LATER),
        port.lift(lift(), LATER),
        port.lift(lift("overage"), LATER),
    ]

    assert [service(standing) for standing in told] == [
        ("rate_limited", "0.5", "overage"),
        ("rate_limited", "0.1", "delinquency"),
        ("suspended", "0", "operator"),
        ("suspended", "0", "operator"),
        ("new_requests_blocked", "0", "delinquency"),
        ("rate_limited", "0.5", "overage"),
        ("none", "1", None),
    ]
    assert [standing.revision for standing in told] == [1, 2, 3, 4, 5, 6, 7]
    assert port.standing("acme") == told[-1]


def test_a_step_again_changes_nothing_whatever_happened_in_between(books: Books) -> None:
    first = to("suspended")
    books.port.restrict(first, NOON)
    restored = books.port.lift(lift(), NOON)

    late = books.port.restrict(first, LATER)

    assert late == restored == books.port.standing("acme")
    assert len(books.port.history("acme", 10)) == 2


def test_what_is_in_force_already_changes_nothing_but_is_on_record(books: Books) -> None:
    before = books.port.restrict(to("suspended"), NOON)

    again = books.port.restrict(to("suspended", step="suspended-again"), LATER)
    nothing = books.port.lift(lift("overage"), LATER)

    assert before == again == nothing
    assert [change.restriction for change in books.port.history("acme", 10)] == ["none", "suspended", "suspended"]


def test_since_is_when_the_service_became_what_it_is(books: Books) -> None:
    books.port.restrict(to("suspended"), NOON)

    other_reason = books.port.restrict(to("suspended", step="2", reason="still unpaid"), LATER)
    other_cause = books.port.restrict(to("suspended", cause="operator"), LATER)
    restored = books.port.lift(lift(), LATER + timedelta(hours=1))

    assert (other_reason.reason, other_reason.since) == ("still unpaid", NOON)
    assert (other_cause.since, restored.since, restored.cause) == (NOON, NOON, Cause.OPERATOR)
    assert {limit.cause: limit.since for limit in other_cause.limits} == {"delinquency": NOON, "operator": LATER}


def test_restricting_to_nothing_lifts(books: Books) -> None:
    books.port.restrict(to("suspended"), NOON)

    eased = books.port.restrict(to("none"), LATER)

    assert (service(eased), eased.limits, eased.since) == (("none", "1", None), (), LATER)


@pytest.mark.parametrize("cover", ["acme", None])
def test_a_hold_on_suspension_keeps_the_runbooks_from_limiting_further(books: Books, cover: str | None) -> None:
    books.port.restrict(to("rate_limited", "0.1"), NOON)
    books.hold(cover)

    held = books.port.restrict(to("suspended"), LATER)
    eased = books.port.restrict(to("rate_limited", "0.5", step="eased"), LATER)
    by_hand = books.port.restrict(to("suspended", cause="operator"), LATER)
    lifted = books.port.lift(lift(), LATER)

    assert held.held == "suspension is held by hold-1: their bank is down"
    assert service(held) == ("rate_limited", "0.1", "delinquency")
    assert (service(eased), eased.held) == (("rate_limited", "0.5", "delinquency"), None)
    assert (service(by_hand), service(lifted)) == (("suspended", "0", "operator"),) * 2


def test_what_was_held_back_may_be_ordered_again(books: Books) -> None:
    if isinstance(books.port, PostgresRestrictions):
        books.hold()
        assert books.port.restrict(to("suspended"), NOON).held
        PostgresHolds(books.engine or pytest.fail()).release("hold-1", "lead-1", "their bank is back", LATER)
    else:
        assert isinstance(books.port, FakeRestrictions)
        books.port.held = "held"
        assert books.port.restrict(to("suspended"), NOON).held
        books.port.held = None

    after = books.port.restrict(to("suspended"), LATER)

    assert (after.held, after.restriction, after.since) == (None, Restriction.SUSPENDED, LATER)


def test_nobody_limits_a_tenant_that_is_not_there(books: Books) -> None:
    for ask in (
        lambda: books.port.restrict(to("suspended", tenant_id="nobody"), NOON),
        lambda: books.port.lift(lift().model_copy(update={"tenant_id": "nobody"}), NOON),
        lambda: books.port.standing("nobody"),
    ):
        with pytest.raises(BillingFailure, match="nobody") as refused:
            ask()
        assert refused.value.code is FailureCode.NOT_FOUND
    assert books.port.standings(["nobody", "acme"]) == {"acme": AccessStanding(tenant_id="acme")}


def test_who_is_limited_is_listed_by_cause_and_gateways_are_told_without_the_causes(books: Books) -> None:
    books.port.restrict(to("suspended"), NOON)
    books.port.restrict(to("rate_limited", "0.5", cause="overage"), NOON)

    by_cause = {cause: [one.tenant_id for one in books.port.limited(cause)] for cause in Cause}

    assert by_cause == {"delinquency": ["acme"], "overage": ["acme"], "operator": []}
    assert books.port.standings(["acme"])["acme"] == books.port.standing("acme").model_copy(update={"limits": ()})


def test_whose_service_changed_since_a_look_is_told_and_nobody_else(books: Books) -> None:
    books.port.restrict(to("suspended"), NOON)
    first = books.port.changed_since(None)

    nothing = books.port.changed_since(first.mark)
    books.port.lift(lift(), LATER)
    something = books.port.changed_since(nothing.mark)

    assert (first.tenants, nothing.tenants, something.tenants) == (frozenset(), frozenset(), {"acme"})
    assert first.mark <= nothing.mark <= something.mark


def test_an_order_whose_transaction_ends_late_is_told_of_all_the_same(company: Company) -> None:
    port = PostgresRestrictions(company.engine)
    with company.engine.begin() as late:
        late.execute(_LOGGED, {"op_key": "late", "at": NOON})
        begun = port.changed_since(None)
        with company.engine.begin() as early:
            early.execute(_LOGGED, {"op_key": "early", "at": NOON})
        meanwhile = port.changed_since(begun.mark)

    after = port.changed_since(meanwhile.mark)

    assert [begun.tenants, meanwhile.tenants, after.tenants] == [frozenset(), {"acme"}, {"acme"}]
    assert port.changed_since(after.mark).tenants == frozenset()


def test_the_history_tells_the_latest_first(books: Books) -> None:
    books.port.restrict(to("suspended", by="lead-1", cause="operator"), NOON)
    books.port.lift(lift("operator"), LATER)

    (lifted,) = books.port.history("acme", 1)
    (_, limited) = books.port.history("acme", 2)

    assert (lifted.restriction, lifted.reason, lifted.at) == ("none", "paid", LATER)
    assert (limited.restriction, limited.by, limited.cause, limited.case_id) == (
        "suspended",
        "lead-1",
        "operator",
        "operator/acme/1",
    )


steps = st.sampled_from(["1", "2", "3"])
orders = st.one_of(
    st.builds(
        to,
        st.sampled_from(["none", "new_requests_blocked", "suspended"]),
        cause=st.sampled_from([cause.value for cause in Cause]),
        step=steps,
    ),
    st.builds(lambda share, step: to("rate_limited", share, step=step), st.sampled_from(["0.1", "0.5"]), steps),
    st.builds(lift, st.sampled_from([cause.value for cause in Cause]), steps),
)


# An example is a dozen transactions; all of them share one database.
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_orders=st.lists(orders, max_size=10), held=st.booleans())
def test_fake_and_postgres_answer_alike(company: Company, given_orders: list[Any], held: bool) -> None:
    for table in ("restriction_limits", "restriction_log", "restrictions", "holds"):
        company.run(f"delete from {table}")  # noqa: S608 - names of ours
    real, fake = Books(PostgresRestrictions(company.engine), company.engine), Books(FakeRestrictions(["acme"]))
    if held:
        real.hold()
        fake.hold()

    for number, order in enumerate(given_orders):
        at = NOON + timedelta(minutes=number)
        told = [
            books.port.lift(order, at) if isinstance(order, LiftOrder) else books.port.restrict(order, at)
            for books in (real, fake)
        ]
        assert told[0] == told[1]
    assert real.port.history("acme", 20) == fake.port.history("acme", 20)
    assert real.port.limited() == fake.port.limited()


def test_many_at_once_leave_one_truth(company: Company) -> None:
    port = PostgresRestrictions(company.engine)
    everybody = [
        to("suspended" if number % 2 else "rate_limited", "0.1", cause=cause, step=f"{number // 2}")
        for number in range(12)
        for cause in ("delinquency", "overage", "operator")
    ]

    with ThreadPoolExecutor(8) as people:
        list(people.map(lambda order: port.restrict(order, NOON), everybody * 2))

    standing = port.standing("acme")
    (logged,) = company.rows("select count(*) as orders, count(distinct op_key) as steps from restriction_log")
    assert logged["orders"] == logged["steps"] == len({order.op_key for order in everybody})
    assert len(standing.limits) == 3
    strictest = max(standing.limits, key=lambda limit: (limit.restriction.strictness, -limit.rate_share))
    assert (standing.restriction, standing.rate_share) == (strictest.restriction, strictest.rate_share)


@pytest.mark.parametrize(
    "broken",
    [
        "update restrictions set restriction = 'none'",
        "update restrictions set restriction = 'rate_limited'",
        "update restrictions set rate_share = 0.5",
        "update restrictions set cause = 'weather'",
        "update restriction_limits set restriction = 'none'",
        "insert into restriction_limits select * from restriction_limits",
        "insert into restriction_log (op_key, tenant_id, cause, restriction, rate_share, reason, case_id, by, at) "
        "select op_key, tenant_id, cause, restriction, rate_share, reason, case_id, by, at from restriction_log",
    ],
)
def test_the_database_refuses_a_standing_that_cannot_be(company: Company, broken: str) -> None:
    PostgresRestrictions(company.engine).restrict(to("suspended"), NOON)

    with pytest.raises(DBAPIError):
        company.run(broken)


@pytest.mark.parametrize("forbidden", ["update restriction_log set reason = ''", "delete from restriction_log"])
def test_the_application_may_not_rewrite_the_log(company: Company, forbidden: str) -> None:
    PostgresRestrictions(company.engine).restrict(to("suspended"), NOON)

    with company.engine.connect() as connection:
        connection.execute(text("set role runbooks_app"))
        with pytest.raises(DBAPIError, match="permission denied"):
            connection.execute(text(forbidden))


def test_the_application_may_do_its_work(company: Company) -> None:
    with company.engine.connect() as connection:
        connection.execute(text("set role runbooks_app"))
        for table in ("restrictions", "restriction_limits", "restriction_log", "usage_caps", "usage_alerts"):
            connection.execute(text(f"select * from {table}"))  # noqa: S608 - names of ours
        connection.execute(text("delete from restriction_limits"))

    assert service(PostgresRestrictions(company.engine).standing("acme")) == ("none", "1", None)


def test_shares_are_kept_exactly(company: Company) -> None:
    port = PostgresRestrictions(company.engine)

    port.restrict(to("rate_limited", "0.0001"), NOON)

    assert port.standing("acme").rate_share == Decimal("0.0001")
