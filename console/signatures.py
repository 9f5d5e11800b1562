"""Whether a webhook really comes from the support desk: HMAC-SHA256 over the timestamp and the raw bytes that arrived.

The bytes are checked as they came: parsed and written again, the same content would have another signature.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

TIMESTAMP_HEADER = "X-Runbooks-Timestamp"
SIGNATURE_HEADER = "X-Runbooks-Signature"
ZENDESK_TIMESTAMP_HEADER = "X-Zendesk-Webhook-Signature-Timestamp"
ZENDESK_SIGNATURE_HEADER = "X-Zendesk-Webhook-Signature"

# How far the sender's clock may be from ours, either way; it also ends the life of a recorded request.
TOLERANCE = timedelta(seconds=300)


def sign(body: bytes, secret: str, at: datetime) -> dict[str, str]:
    """The two headers of a ticket webhook, as a support desk sends them."""
    timestamp = str(int(at.timestamp()))
    return {TIMESTAMP_HEADER: timestamp, SIGNATURE_HEADER: f"v1={_ours(secret, timestamp, body)}"}


def objection(
    body: bytes, *, timestamp: str | None, signature: str | None, secrets: Sequence[str], now: datetime
) -> str | None:
    """Why a ticket webhook is not believed, as a sentence; None when it is. While secrets rotate, the sender may sign
    with several (`v1=..., v1=...`) and we may hold several."""
    if not timestamp or not signature:
        return f"send the headers {TIMESTAMP_HEADER} and {SIGNATURE_HEADER}"
    if not (timestamp.isascii() and timestamp.isdigit()):
        return f"{TIMESTAMP_HEADER} must be whole seconds since 1970"
    if problem := _too_far(_moment(timestamp), now):
        return f"{TIMESTAMP_HEADER} {problem}"
    given = [part.strip()[3:] for part in signature.split(",") if part.strip().startswith("v1=")]
    if not given:
        return f"{SIGNATURE_HEADER} has no v1 signature: send v1=<hex HMAC-SHA256 of timestamp.body>"
    if not _one_matches(given, (_ours(secret, timestamp, body) for secret in secrets)):
        return "the signature does not match: sign the exact bytes of the body with the shared secret"
    return None


def zendesk_objection(
    body: bytes, *, timestamp: str | None, signature: str | None, secret: str, now: datetime
) -> str | None:
    """The same for Zendesk's scheme: base64 over timestamp and body without a separator, the timestamp in ISO 8601."""
    if not timestamp or not signature:
        return f"send the headers {ZENDESK_TIMESTAMP_HEADER} and {ZENDESK_SIGNATURE_HEADER}"
    try:
        moment = datetime.fromisoformat(timestamp)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        return f"{ZENDESK_TIMESTAMP_HEADER} must be a moment with its zone, such as 2026-11-21T09:00:00Z"
    if problem := _too_far(moment, now):
        return f"{ZENDESK_TIMESTAMP_HEADER} {problem}"
    digest = hmac.digest(secret.encode(), timestamp.encode() + body, hashlib.sha256)
    if not _one_matches([signature.strip()], [base64.b64encode(digest).decode()]):
        return "the signature does not match the webhook's signing secret"
    return None


def _ours(secret: str, timestamp: str, body: bytes) -> str:
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def _moment(timestamp: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(timestamp), UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _too_far(moment: datetime | None, now: datetime) -> str | None:
    if moment is not None and abs(now - moment) <= TOLERANCE:
        return None
    return f"is more than {TOLERANCE.total_seconds():.0f} seconds away from our clock ({now:%Y-%m-%dT%H:%M:%SZ})"


def _one_matches(given: Iterable[str], expected: Iterable[str]) -> bool:
    """Compare every pair in constant time, and all of them: how long it takes tells nothing."""
    wanted = [one.encode() for one in expected]
    return sum(hmac.compare_digest(one.encode(), other) for one in given for other in wanted) > 0
