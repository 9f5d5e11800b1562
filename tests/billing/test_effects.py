from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from billing.effects import Effect, EffectKind, EffectState

SENT = datetime(2026, 11, 3, 23, 30, tzinfo=UTC)


def effect(**differences: Any) -> Effect:
    ordinary = {
        "op_key": "dispute/T-4711/credit/r1.1",
        "kind": EffectKind.CREDIT,
        "case_id": "dispute/T-4711",
        "tenant_id": "acme",
        "state": EffectState.SENT,
        "request": {},
        "request_sha256": "0" * 64,
        "intended_at": SENT,
        "first_sent_at": SENT,
    }
    return Effect.model_validate(ordinary | differences)


@pytest.mark.parametrize(
    ("hours", "state", "looks_up"),
    [
        (1, EffectState.SENT, False),
        (23, EffectState.SENT, False),
        (23.01, EffectState.SENT, True),
        (1, EffectState.UNKNOWN, True),
        (1, EffectState.INTENDED, False),
    ],
)
def test_a_key_the_provider_may_have_forgotten_is_never_sent_again_unseen(
    hours: float, state: EffectState, looks_up: bool
) -> None:
    assert effect(state=state).must_look_up(SENT + timedelta(hours=hours)) is looks_up


def test_what_was_never_sent_needs_no_look_up() -> None:
    unsent = effect(state=EffectState.INTENDED, first_sent_at=None)

    assert not unsent.must_look_up(SENT + timedelta(days=30))


def test_the_key_carries_organisation_and_day_and_changes_with_the_generation_only() -> None:
    first = effect().idempotency_key

    assert first == "acme/2026-11-03/dispute/T-4711/credit/r1.1/g1"
    assert effect(generation=2).idempotency_key != first
    assert effect(state=EffectState.UNKNOWN).idempotency_key == first
    assert effect(tenant_id=None).idempotency_key.startswith("house/")


def test_the_longest_key_fits_what_providers_allow() -> None:
    longest = effect(tenant_id="t" * 63, op_key=f"dispute/{'T' * 64}/credit/r99.99", generation=99)

    assert len(longest.idempotency_key) <= 255
