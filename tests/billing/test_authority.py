from __future__ import annotations

from itertools import product

import pytest

from billing.authority import (
    RUNBOOK,
    CreditQuestion,
    Role,
    approval_path,
    cumulative,
    level_for,
    may_decide,
    next_role,
    objection,
)
from billing.money import CurrencyMismatchError, Money
from billing.policy.standard import STANDARD

AGENT, LEAD, VP, ENGINEERING = Role.AGENT, Role.LEAD, Role.VP, Role.ENGINEERING
POLICY = STANDARD.credits

# Amount and currency with the lowest role whose authority covers it; boundaries belong to the lower role (C8).
LEVELS = [
    ("0.01", "USD", AGENT), ("50.00", "USD", AGENT), ("50.01", "USD", LEAD), ("500.00", "USD", LEAD), ("500.01", "USD", VP),
    ("45.00", "EUR", AGENT), ("45.01", "EUR", LEAD), ("450.00", "EUR", LEAD), ("450.01", "EUR", VP),
    ("40.00", "GBP", AGENT), ("40.01", "GBP", LEAD), ("400.00", "GBP", LEAD), ("400.01", "GBP", VP),
    ("7500", "JPY", AGENT), ("7501", "JPY", LEAD), ("75000", "JPY", LEAD), ("75001", "JPY", VP),
    ("0.01", "CHF", VP), ("0.001", "KWD", VP),
]  # fmt: skip


def question(amount: str, currency: str = "USD", recently: str = "0", **circumstances: bool) -> CreditQuestion:
    return CreditQuestion(
        amount=Money.of(amount, currency), recently_credited=Money.of(recently, currency), **circumstances
    )


@pytest.mark.parametrize(("amount", "currency", "level"), LEVELS)
def test_the_level_of_a_credit_is_the_lowest_role_whose_limit_covers_it(
    amount: str, currency: str, level: Role
) -> None:
    assert level_for(Money.of(amount, currency), POLICY) is level


def expected_path(level: Role, circumstances: dict[str, bool]) -> tuple[Role, ...]:
    """The table of C8, D10 and D11, written out the other way round: who must sign, from the gravest reason down."""
    if circumstances["systematic"]:
        return (ENGINEERING, VP)
    if circumstances["executive_escalation"] or level is VP:
        return (VP,)
    if circumstances["escalated"] or level is LEAD:
        return (LEAD,)
    return () if circumstances["conclusive"] else (AGENT,)


NAMES = ("systematic", "executive_escalation", "escalated", "conclusive")
EVERY_CIRCUMSTANCE = [dict(zip(NAMES, values, strict=True)) for values in product([False, True], repeat=len(NAMES))]


@pytest.mark.parametrize(("amount", "currency", "level"), LEVELS)
@pytest.mark.parametrize("circumstances", EVERY_CIRCUMSTANCE, ids=lambda c: "+".join(n for n in c if c[n]) or "plain")
def test_every_amount_in_every_circumstance_has_its_approvers(
    amount: str, currency: str, level: Role, circumstances: dict[str, bool]
) -> None:
    path = approval_path(question(amount, currency, "0", **circumstances), POLICY)

    assert path == expected_path(level, circumstances)


@pytest.mark.parametrize("circumstances", EVERY_CIRCUMSTANCE, ids=lambda c: "+".join(n for n in c if c[n]) or "plain")
def test_nothing_to_credit_needs_nobody(circumstances: dict[str, bool]) -> None:
    assert approval_path(question("0.00", "USD", "600.00", **circumstances), POLICY) == ()


@pytest.mark.parametrize(
    ("amount", "recently", "path"),
    [
        ("30.00", "20.00", ()),
        ("30.00", "20.01", (LEAD,)),
        ("0.01", "50.00", (LEAD,)),
        ("250.00", "250.00", (LEAD,)),
        ("250.00", "250.01", (VP,)),
        ("0.01", "500.00", (VP,)),
    ],
)
def test_the_sum_of_thirty_days_decides_and_not_the_single_credit(
    amount: str, recently: str, path: tuple[Role, ...]
) -> None:
    asked = question(amount, recently=recently)

    assert approval_path(asked, POLICY) == path
    assert cumulative(asked) == Money.of(amount, "USD") + Money.of(recently, "USD")


def test_credits_that_nobody_can_add_up_need_the_vp() -> None:
    unknown = CreditQuestion(amount=Money.of("1.00", "USD"), recently_credited=None)

    assert approval_path(unknown, POLICY) == (VP,)
    assert cumulative(unknown) is None


def test_credits_of_two_currencies_are_never_summed() -> None:
    mixed = CreditQuestion(amount=Money.of("10.00", "USD"), recently_credited=Money.of("10.00", "EUR"))

    with pytest.raises(CurrencyMismatchError):
        approval_path(mixed, POLICY)


# Rows decide a request for the columns: agent, lead, engineering, finance, vp, account_manager.
MAY_DECIDE = {
    Role.AGENT: "x.....",
    Role.LEAD: "xx....",
    Role.ENGINEERING: "..x...",
    Role.FINANCE: "...x..",
    Role.VP: "xx..x.",
    Role.ACCOUNT_MANAGER: ".....x",
}


@pytest.mark.parametrize(("role", "required"), list(product(Role, Role)))
def test_a_role_decides_its_own_requests_and_those_below_it_on_the_ladder(role: Role, required: Role) -> None:
    allowed = MAY_DECIDE[role][list(Role).index(required)] == "x"

    refusal = objection(
        operator_id="someone", role=role, required=required, requested_by=RUNBOOK, earlier_deciders=(), active=True
    )

    assert may_decide(role, required) is allowed
    assert refusal == (None if allowed else f"a decision by {required} is needed; someone is {role}")


@pytest.mark.parametrize(
    ("required", "following"),
    [
        (Role.AGENT, Role.LEAD),
        (Role.LEAD, Role.VP),
        (Role.VP, None),
        (Role.ENGINEERING, Role.VP),
        (Role.FINANCE, Role.VP),
        (Role.ACCOUNT_MANAGER, Role.VP),
    ],
)
def test_an_unanswered_request_climbs_until_the_top(required: Role, following: Role | None) -> None:
    assert next_role(required) is following


@pytest.mark.parametrize(
    ("operator", "active", "refusal"),
    [
        ("vp-1@ops.example", True, None),
        ("vp-1@ops.example", False, "vp-1@ops.example is no longer an active operator"),
        ("agent-1@ops.example", True, "agent-1@ops.example asked for this; another person must decide it"),
        (
            "engineer-1@ops.example",
            True,
            "engineer-1@ops.example has already decided a part of this request; another person must decide the rest",
        ),
    ],
)
def test_nobody_decides_their_own_request_or_twice_or_after_leaving(
    operator: str, active: bool, refusal: str | None
) -> None:
    said = objection(
        operator_id=operator,
        role=Role.VP,
        required=Role.VP,
        requested_by="agent-1@ops.example",
        earlier_deciders=["engineer-1@ops.example"],
        active=active,
    )

    assert said == refusal
