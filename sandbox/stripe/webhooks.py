"""Signed webhooks: every event to every endpoint that asked for it, again and again until it is taken or days have passed."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Callable

import httpx

from sandbox.stripe.nouns.webhook_endpoints import SECRET
from sandbox.stripe.state.account import DELIVERY, Account
from sandbox.stripe.state.store import Obj

MINUTE, HOUR = 60, 3600
# Stripe retries "for up to three days with exponential back-off" and does not publish the intervals; these are ours.
RETRY_AFTER_SECONDS = (MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, *[12 * HOUR] * 4)
ANSWER_WITHIN_SECONDS = 10.0
AT_ONCE_MAX = 16


class Postman:
    """Delivers what is due and books the outcome; order is not kept, as with Stripe."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._client = httpx.AsyncClient(timeout=ANSWER_WITHIN_SECONDS, follow_redirects=False)
        self._lanes = asyncio.Semaphore(AT_ONCE_MAX)
        self._under_way: dict[str, asyncio.Task[None]] = {}

    async def close(self) -> None:
        """Abandon what is under way and let go of the connections."""
        for attempt in self._under_way.values():
            attempt.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)
        await self._client.aclose()

    def send_due(self, when_answered: Callable[[], None]) -> None:
        """Begin an attempt at every delivery whose time has come; `when_answered` is called after each."""
        now = self._account.now()
        for delivery in self._pending():
            if delivery["due"] <= now and delivery["id"] not in self._under_way:
                attempt = asyncio.create_task(self._attempt(delivery))
                attempt.add_done_callback(lambda _: when_answered())
                self._under_way[delivery["id"]] = attempt

    async def answered(self) -> None:
        """Wait for the answers to all attempts under way."""
        await asyncio.gather(*self._under_way.values())

    def next_due(self) -> int | None:
        """Seconds since the epoch of the earliest delivery that is not being attempted now, or None."""
        waiting = (item["due"] for item in self._pending() if item["id"] not in self._under_way)
        return min(waiting, default=None)

    def _pending(self) -> list[Obj]:
        return self._account.store.related(DELIVERY, "state", "pending")

    async def _attempt(self, delivery: Obj) -> None:
        store = self._account.store
        async with self._lanes:
            try:
                endpoint = store.get("webhook_endpoint", delivery["endpoint"])
                event = store.get("event", delivery["event"])
                if endpoint is None or event is None or endpoint["status"] != "enabled":
                    self._book(delivery, {"state": "canceled"})
                    return
                status, problem = await self._posted(endpoint, event)
                self._outcome(delivery, status, problem)
            finally:
                self._under_way.pop(delivery["id"], None)

    async def _posted(self, endpoint: Obj, event: Obj) -> tuple[int | None, str | None]:
        body = json.dumps(event, indent=2)
        secret = self._account.store.get(SECRET, endpoint["id"])
        headers = {
            "content-type": "application/json; charset=utf-8",
            "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "stripe-signature": signature(body, secret["secret"] if secret else ""),
        }
        try:
            answer = await self._client.post(endpoint["url"], content=body, headers=headers)
        except httpx.HTTPError as problem:
            return None, type(problem).__name__
        return answer.status_code, None if answer.is_success else f"answered {answer.status_code}"

    def _outcome(self, delivery: Obj, status: int | None, problem: str | None) -> None:
        now = self._account.now()
        attempts = [*delivery["attempts"], {"at": now, "status": status, "problem": problem}]
        if problem is None:
            self._book(delivery, {"state": "delivered", "attempts": attempts})
        elif len(attempts) <= len(RETRY_AFTER_SECONDS):
            due = now + RETRY_AFTER_SECONDS[len(attempts) - 1]
            self._book(delivery, {"attempts": attempts, "due": due})
        else:
            self._book(delivery, {"state": "given_up", "attempts": attempts})

    def _book(self, delivery: Obj, changes: Obj) -> None:
        store = self._account.store
        if store.get(DELIVERY, delivery["id"]) is None:  # the simulator was reset while the endpoint was thinking
            return
        with store.transaction():
            store.put({**delivery, **changes})
            event = store.get("event", delivery["event"])
            if event is not None and changes.get("state") == "delivered":
                store.put({**event, "pending_webhooks": max(0, event["pending_webhooks"] - 1)})


def signature(body: str, secret: str) -> str:
    """The `Stripe-Signature` header.

    Its time is the real one, whatever the simulator's clock says: the receiver compares it with a clock of its own.
    """
    moment = int(time.time())
    digest = hmac.new(secret.encode(), f"{moment}.{body}".encode(), hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"
