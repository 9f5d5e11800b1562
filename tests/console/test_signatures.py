"""Whom a webhook is believed from."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest

from console.signatures import SIGNATURE_HEADER, TIMESTAMP_HEADER, objection, sign, zendesk_objection

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
BODY = b'{"event": "created", "ticket": {"ticket_id": "T-1"}}'
STAMP = str(int(NOW.timestamp()))


def refused(body: bytes, headers: dict[str, str], *secrets: str, now: datetime = NOW) -> str | None:
    return objection(
        body,
        timestamp=headers.get(TIMESTAMP_HEADER),
        signature=headers.get(SIGNATURE_HEADER),
        secrets=secrets or ("secret",),
        now=now,
    )


def test_what_was_signed_with_our_secret_is_believed() -> None:
    assert refused(BODY, sign(BODY, "secret", NOW)) is None


@pytest.mark.parametrize("seconds", [-300, -1, 0, 1, 300])
def test_clocks_may_differ_by_five_minutes_either_way(seconds: int) -> None:
    assert refused(BODY, sign(BODY, "secret", NOW + timedelta(seconds=seconds))) is None


@pytest.mark.parametrize("seconds", [-301, 301, -86_400, 86_400])
def test_older_and_future_requests_are_not_believed_though_well_signed(seconds: int) -> None:
    problem = refused(BODY, sign(BODY, "secret", NOW + timedelta(seconds=seconds)))

    assert problem is not None
    assert "more than 300 seconds away" in problem


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {TIMESTAMP_HEADER: STAMP},
        {SIGNATURE_HEADER: "v1=00"},
        {TIMESTAMP_HEADER: "", SIGNATURE_HEADER: ""},
        {TIMESTAMP_HEADER: "soon", SIGNATURE_HEADER: "v1=00"},
        {TIMESTAMP_HEADER: "-1", SIGNATURE_HEADER: "v1=00"},
        {TIMESTAMP_HEADER: "9" * 30, SIGNATURE_HEADER: "v1=00"},
        {TIMESTAMP_HEADER: "٣", SIGNATURE_HEADER: "v1=00"},
        {TIMESTAMP_HEADER: STAMP, SIGNATURE_HEADER: "v1="},
        {TIMESTAMP_HEADER: STAMP, SIGNATURE_HEADER: "v1=é"},
        {TIMESTAMP_HEADER: STAMP, SIGNATURE_HEADER: ",,,"},
    ],
)
def test_missing_or_broken_headers_are_answered_with_a_sentence(headers: dict[str, str]) -> None:
    problem = refused(BODY, headers)

    assert problem


def test_an_older_scheme_is_not_accepted() -> None:
    headers = sign(BODY, "secret", NOW)
    headers[SIGNATURE_HEADER] = headers[SIGNATURE_HEADER].replace("v1=", "v0=")

    problem = refused(BODY, headers)

    assert problem is not None
    assert "no v1 signature" in problem


def test_another_secret_is_not_believed() -> None:
    assert refused(BODY, sign(BODY, "guessed", NOW)) is not None
    assert objection(BODY, timestamp=STAMP, signature=sign(BODY, "", NOW)[SIGNATURE_HEADER], secrets=(), now=NOW)


def test_one_changed_byte_is_noticed() -> None:
    headers = sign(BODY, "secret", NOW)

    believed = [
        position
        for position in range(len(BODY))
        if refused(BODY[:position] + bytes([BODY[position] ^ 1]) + BODY[position + 1 :], headers) is None
    ]

    assert believed == []


def test_the_same_content_written_differently_is_not_the_same_message() -> None:
    rewritten = json.dumps(json.loads(BODY), separators=(",", ":")).encode()

    assert refused(rewritten, sign(BODY, "secret", NOW)) is not None


def test_another_timestamp_needs_another_signature() -> None:
    headers = sign(BODY, "secret", NOW) | {TIMESTAMP_HEADER: str(int(NOW.timestamp()) + 1)}

    assert refused(BODY, headers) is not None


def test_while_secrets_rotate_either_side_may_hold_two() -> None:
    signed_with_both = sign(BODY, "old", NOW)
    signed_with_both[SIGNATURE_HEADER] += f", {sign(BODY, 'new', NOW)[SIGNATURE_HEADER]}"

    assert refused(BODY, sign(BODY, "old", NOW), "new", "old") is None
    assert refused(BODY, signed_with_both, "new") is None
    assert refused(BODY, sign(BODY, "old", NOW), "new") is not None


def test_zendesk_signs_in_its_own_way() -> None:
    stamp = "2026-11-21T09:00:00Z"
    signature = base64.b64encode(hmac.digest(b"secret", stamp.encode() + BODY, hashlib.sha256)).decode()

    def refused_by_zendesk(signature: str | None, stamp: str | None, body: bytes = BODY) -> str | None:
        return zendesk_objection(body, timestamp=stamp, signature=signature, secret="secret", now=NOW)

    assert refused_by_zendesk(signature, stamp) is None
    assert refused_by_zendesk(signature, stamp, BODY + b" ")
    assert refused_by_zendesk(signature, "2026-11-21T09:00:01Z")
    assert refused_by_zendesk(signature, "2026-11-21T09:00:00")
    assert refused_by_zendesk(signature, "2026-11-21T08:54:59Z")
    assert refused_by_zendesk(signature, "yesterday")
    assert refused_by_zendesk(None, stamp)
    assert refused_by_zendesk(signature, None)
