"""A decision is an operator's own exactly when the stored key says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from adapters import operator_keys
from billing.cases import SignedDecision, Verdict

LEAD = "lead-1@ops.example"
DECISION = SignedDecision(
    approval_id="dispute/T-1/credit/r1.1/a1",
    request_sha256="a" * 64,
    verdict=Verdict.APPROVE,
    operator_id=LEAD,
    reason="checked the export",
    decided_at=datetime(2026, 11, 20, 12, tzinfo=UTC),
)


def test_a_token_signs_and_its_public_key_verifies() -> None:
    token, public_key = operator_keys.new_token(LEAD)

    signed = operator_keys.sign(DECISION, token)

    assert operator_keys.verify(signed, public_key)
    assert operator_keys.public_key_of(token) == public_key
    assert operator_keys.operator_of(token) == LEAD


def test_a_signature_survives_the_way_through_json() -> None:
    token, public_key = operator_keys.new_token(LEAD)
    signed = operator_keys.sign(DECISION, token)

    assert operator_keys.verify(SignedDecision.model_validate_json(signed.model_dump_json()), public_key)


@pytest.mark.parametrize(
    "change",
    [
        {"approval_id": "dispute/T-1/credit/r1.1/a2"},
        {"request_sha256": "b" * 64},
        {"verdict": Verdict.REJECT},
        {"operator_id": "vp-1@ops.example"},
        {"reason": "checked the export "},
        {"decided_at": DECISION.decided_at + timedelta(microseconds=1)},
        {"signature": ""},
        {"signature": "not base64!"},
        {"signature": "AAAA"},
    ],
)
def test_whatever_is_changed_after_signing_shows(change: dict[str, object]) -> None:
    token, public_key = operator_keys.new_token(LEAD)
    signed = operator_keys.sign(DECISION, token)

    assert not operator_keys.verify(signed.model_copy(update=change), public_key)


def test_another_operators_key_does_not_verify() -> None:
    token, _ = operator_keys.new_token(LEAD)
    _, another = operator_keys.new_token(LEAD)

    assert not operator_keys.verify(operator_keys.sign(DECISION, token), another)


def test_nobody_signs_in_another_name() -> None:
    token, _ = operator_keys.new_token("agent-1@ops.example")

    with pytest.raises(ValueError, match=r"belongs to agent-1@ops\.example, the decision names lead-1@ops\.example"):
        operator_keys.sign(DECISION, token)


@pytest.mark.parametrize("token", ["", LEAD, f"{LEAD}:", f"{LEAD}:short", f"{LEAD}:ä", f"{LEAD}:{'A' * 60}"])
def test_a_broken_token_is_told_without_repeating_it(token: str) -> None:
    with pytest.raises(ValueError, match="operator token is not valid") as refused:
        operator_keys.public_key_of(token)

    assert "short" not in str(refused.value)
