"""Which webhooks are believed to be Stripe's: every flaw of the header, of its clock, and of the secret."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import stripe

from adapters.stripe.webhook import livemode_of, objection

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
SECRET, OLD, OTHER = "whsec_new", "whsec_old", "whsec_other"
BODY = '{"id": "evt_1", "name": "Café"}'.encode()


def signed(secret: str = SECRET, ago: timedelta = timedelta(0), body: bytes = BODY) -> str:
    seconds = int((NOW - ago).timestamp())
    header: str = stripe.WebhookSignature.generate_signature_header(body.decode(), secret, timestamp=seconds)
    return header


def both(first: str, second: str) -> str:
    """Signed with two secrets, as Stripe does while one of them is rolled."""
    return f"{signed(first)},{signed(second).partition(',')[2]}"


@pytest.mark.parametrize(
    ("header", "secrets"),
    [
        (signed(), [SECRET]),
        (signed(OLD), [SECRET, OLD]),
        (both(OTHER, SECRET), [SECRET]),
        (both(SECRET, OLD), [OLD]),
        (signed(ago=timedelta(seconds=300)), [SECRET]),
        (signed(ago=timedelta(seconds=-300)), [SECRET]),
        (f"{signed()},v0=abc", [SECRET]),
    ],
)
def test_a_signature_of_the_last_minutes_under_any_secret_in_force_is_believed(header: str, secrets: list[str]) -> None:
    assert objection(BODY, header, secrets, NOW) is None


SECONDS = int(NOW.timestamp())


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (None, "send the header Stripe-Signature"),
        ("", "send the header Stripe-Signature"),
        (signed(OTHER), "does not fit the body"),
        (both(OTHER, OLD), "does not fit the body"),
        (signed(body=BODY[:-1] + b" "), "does not fit the body"),
        (signed(ago=timedelta(seconds=301)), "more than 300 seconds away"),
        (signed(ago=timedelta(seconds=-301)), "more than 300 seconds away"),
        (signed(ago=timedelta(days=-1)), "more than 300 seconds away"),
        (signed().partition(",")[2], "must read t="),
        (f"t=soon,{signed().partition(',')[2]}", "must read t="),
        (f"t={SECONDS},t={SECONDS},v1=ab", "must read t="),
        (f"t={'9' * 5000},v1=ab", "must read t="),
        (f"t={SECONDS},v1=ٱ", "must read t="),
        (f"t={SECONDS}", "does not fit the body"),
        (f"t={SECONDS},v0={signed().rpartition('=')[2]}", "does not fit the body"),
        (f"t={SECONDS}," + ",".join(["v1=ab"] * 11), "must read t="),
    ],
)
def test_anything_else_is_not_and_the_header_is_named(header: str | None, words: str) -> None:
    problem = objection(BODY, header, [SECRET], NOW)

    assert problem is not None
    assert "Stripe-Signature" in problem
    assert words in problem


def test_without_a_secret_nobody_is_believed() -> None:
    assert objection(BODY, signed(""), [], NOW) is not None


def test_a_body_that_is_no_text_is_not_believed() -> None:
    assert objection(b"\xff\xfe", signed(body=b"{}"), [SECRET], NOW) is not None


@pytest.mark.parametrize(
    ("key", "live"),
    [
        ("sk_live_abc", True),
        ("rk_live_abc", True),
        ("sk_test_abc", False),
        ("rk_test_abc", False),
        ("something", None),
        ("", None),
    ],
)
def test_a_key_says_which_mode_it_is_for(key: str, live: bool | None) -> None:
    assert livemode_of(key) is live
