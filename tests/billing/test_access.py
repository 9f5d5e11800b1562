"""What a tenant's service is limited to: which limit counts, and which orders say something."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from pydantic import ValidationError

from billing.access import (
    AccessStanding,
    Cause,
    LiftOrder,
    Limit,
    Restriction,
    RestrictionOrder,
    service_in_words,
    strictest,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MILD_TO_STRICT = ["none", "rate_limited", "new_requests_blocked", "suspended", "deleted"]


def limit(cause: Cause, restriction: str, share: str = "0", hours: int = 0) -> Limit:
    return Limit(
        cause=cause,
        restriction=Restriction(restriction),
        rate_share=Decimal(share),
        reason="unpaid",
        since=NOON + timedelta(hours=hours),
        case_id="case",
        by="runbook",
    )


def ordered(**changes: Any) -> RestrictionOrder:
    plain = {
        "tenant_id": "acme",
        "cause": "delinquency",
        "restriction": "suspended",
        "reason": "unpaid",
        "case_id": "delinquency/acme/1",
        "step": "suspended",
    }
    return RestrictionOrder.model_validate(plain | changes)


def test_restrictions_grow_stricter_in_the_order_of_the_requirements() -> None:
    assert sorted(Restriction, key=lambda one: one.strictness) == MILD_TO_STRICT


OPERATOR_FIRST = limit(Cause.OPERATOR, "rate_limited", "0.5")
A_TENTH = limit(Cause.DELINQUENCY, "rate_limited", "0.1", hours=1)
BLOCKED = limit(Cause.OVERAGE, "new_requests_blocked", hours=2)
SUSPENDED = limit(Cause.DELINQUENCY, "suspended", hours=3)
SUSPENDED_LATER = limit(Cause.OPERATOR, "suspended", hours=4)


@pytest.mark.parametrize(
    ("limits", "counts"),
    [
        ((), None),
        ((OPERATOR_FIRST,), OPERATOR_FIRST),
        ((OPERATOR_FIRST, A_TENTH), A_TENTH),
        ((A_TENTH, BLOCKED), BLOCKED),
        ((OPERATOR_FIRST, BLOCKED, SUSPENDED), SUSPENDED),
        ((SUSPENDED, SUSPENDED_LATER), SUSPENDED),
    ],
)
def test_the_strictest_limit_counts_whatever_came_first(limits: tuple[Limit, ...], counts: Limit | None) -> None:
    for in_any_order in permutations(limits):
        assert strictest(in_any_order) == counts


@pytest.mark.parametrize(
    ("restriction", "given", "kept"),
    [
        ("none", "0.1", "1"),
        ("rate_limited", "0.1", "0.1"),
        ("new_requests_blocked", "0.1", "0"),
        ("suspended", "1", "0"),
        ("deleted", "1", "0"),
    ],
)
def test_a_share_belongs_to_a_rate_limit_and_everything_else_has_its_own(
    restriction: str, given: str, kept: str
) -> None:
    assert ordered(restriction=restriction, rate_share=given).rate_share == Decimal(kept)


@pytest.mark.parametrize("share", [None, "0", "1", "-0.1", "1.01", "0.00001", "NaN", "a tenth"])
def test_a_rate_limit_needs_a_share_between_nothing_and_everything(share: str | None) -> None:
    given = {} if share is None else {"rate_share": share}

    with pytest.raises(ValidationError, match="rate_share"):
        ordered(restriction="rate_limited", **given)


@pytest.mark.parametrize(
    "changes", [{"reason": " "}, {"reason": "\x00"}, {"tenant_id": "ACME"}, {"step": ""}, {"x": 1}]
)
def test_an_order_says_for_whom_why_and_which_step_it_is(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ordered(**changes)


def test_a_step_of_a_case_is_one_order() -> None:
    lifted = LiftOrder(
        tenant_id="acme", cause=Cause.DELINQUENCY, reason="paid", case_id="delinquency/acme/1", step="restored"
    )

    assert ordered().op_key == "delinquency/acme/1/access/suspended"
    assert lifted.op_key == "delinquency/acme/1/access/restored"


@pytest.mark.parametrize(
    ("restriction", "share", "words"),
    [
        (Restriction.NONE, "1", "full service"),
        (Restriction.RATE_LIMITED, "0.1", "limited to 10 % of the usual rate"),
        (Restriction.NEW_REQUESTS_BLOCKED, "0", "new requests blocked"),
        (Restriction.SUSPENDED, "0", "suspended"),
        (Restriction.DELETED, "0", "deleted"),
    ],
)
def test_people_read_what_is_left_of_the_service(restriction: Restriction, share: str, words: str) -> None:
    standing = AccessStanding(tenant_id="acme", restriction=restriction, rate_share=Decimal(share), cause=Cause.OVERAGE)

    assert service_in_words(restriction, Decimal(share)) == words
    assert standing.in_words() == f"{words} (overage)"
    assert standing.model_copy(update={"held": "no"}).in_words() == f"left at {words}: no"
