"""Whether a webhook is really Stripe's, lately signed and for this account, and the event in it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import stripe
from pydantic import BaseModel, ConfigDict, Field

from billing.provider_events import ArrivedEvent
from billing.spelling import Spelled

SIGNATURE_HEADER = "Stripe-Signature"

# Both ways: Stripe's library refuses the past alone, and a recorded request must not be kept for a later day either.
TOLERANCE = timedelta(seconds=300)
# Stripe sends one v1 for each secret in force, and two are at most.
_SIGNATURES_MAX = 10

_EARLIEST, _LATEST = datetime(2010, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True)

    object: dict[str, Any]


class SentEvent(BaseModel):
    """The envelope of an event; what is inside `data.object` is looked at when its turn comes."""

    model_config = ConfigDict(frozen=True, strict=True)

    id: Annotated[str, Spelled(r"evt_[A-Za-z0-9_]{1,200}", "write the id of an event, such as evt_1PqR")]
    object: Literal["event"]
    type: Annotated[str, Spelled(r"[a-z0-9_]{1,60}(\.[a-z0-9_]{1,60}){1,6}", "write a type such as invoice.paid")]
    created: Annotated[int, Field(ge=int(_EARLIEST.timestamp()), lt=int(_LATEST.timestamp()))]
    livemode: bool
    account: str | None = None
    data: _Data

    def arrived(self, raw: str) -> ArrivedEvent:
        """The event as it is kept, with the body that it came in."""
        occurred_at = datetime.fromtimestamp(self.created, UTC)
        return ArrivedEvent(event_id=self.id, type=self.type, occurred_at=occurred_at, raw=raw)


def objection(body: bytes, header: str | None, secrets: Sequence[str], now: datetime) -> str | None:
    """Why the webhook is not believed, as a sentence that names the header; None when it is. While the secret rotates,
    Stripe signs with both and we may hold both."""
    if not header:
        return f"send the header {SIGNATURE_HEADER}: t=<seconds since 1970>,v1=<hex>"
    timestamp = _timestamp(header)
    if timestamp is None or header.count("v1=") > _SIGNATURES_MAX:
        return f"{SIGNATURE_HEADER} must read t=<seconds since 1970>,v1=<hex>"
    if abs(now - timestamp) > TOLERANCE:
        seconds = f"{TOLERANCE.total_seconds():.0f} seconds"
        return f"{SIGNATURE_HEADER} was made more than {seconds} away from our clock ({now:%Y-%m-%dT%H:%M:%SZ})"
    # Every secret is tried, so that how long it takes tells nothing.
    if sum(_fits(body, header, secret) for secret in secrets) == 0:
        return f"{SIGNATURE_HEADER} does not fit the body: sign its exact bytes with the endpoint's secret"
    return None


def livemode_of(api_key: str) -> bool | None:
    """Whether a key is for live money; None for one that does not say, such as a simulator's."""
    kind = api_key.split("_")[1:2]
    return {"live": True, "test": False}.get(kind[0]) if kind else None


def _timestamp(header: str) -> datetime | None:
    times = [part.strip()[2:] for part in header.split(",") if part.strip().startswith("t=")]
    # Other scripts have digits too, and Python reads no number of thousands of them.
    if len(times) != 1 or not header.isascii() or not times[0].isdigit() or len(times[0]) > len("9999999999"):
        return None
    return datetime.fromtimestamp(int(times[0]), UTC)


def _fits(body: bytes, header: str, secret: str) -> bool:
    try:
        return bool(stripe.WebhookSignature.verify_header(body, header, secret))
    except (stripe.SignatureVerificationError, UnicodeDecodeError):
        return False
