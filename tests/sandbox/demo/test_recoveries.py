"""What the demo's recoveries left: in the books, at the simulated Stripe, and in the customers' mailboxes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from adapters.postgres.books import Books
from adapters.postgres.engine import open_engine, transaction
from adapters.postgres.tables import holds
from billing.access import Restriction
from billing.recovery import Ending, RecoveryStory
from billing.rungs import Rung
from sandbox.demo.recovery import DAY_TAKES, HELD, HELD_FOR_DAYS, PAID, UNPAID
from sandbox.mailbox.server import FILE
from sandbox.mailbox.store import MailStore
from sandbox.parts import DATABASE
from sandbox.postgres import PostgresServer
from sandbox.sample_data.invoicing import invoice_id
from sandbox.stripe.app import STATE_FILE
from sandbox.stripe.state.store import Obj, Store
from tests.sandbox.demo.conftest import Played
from tests.sandbox.demo.test_demo import PATIENCE_SECONDS

pytestmark = [pytest.mark.demo, pytest.mark.timeout(PATIENCE_SECONDS)]


@dataclass(frozen=True)
class Left:
    """The three that a stranger may look into afterwards."""

    books: Books
    stripe: Store
    mailbox: MailStore

    def story(self, tenant: str) -> RecoveryStory:
        row = self.books.delinquencies.find(tenant)
        assert row is not None and row.story is not None
        return row.story

    def service(self, tenant: str) -> list[Restriction]:
        """What was left of it after each change, the oldest first."""
        return [change.restriction for change in reversed(self.books.restrictions.history(tenant, 100))]

    def charges(self, tenant: str) -> list[Obj]:
        """Every charge of the tenant's invoice of October."""
        invoices = self.stripe.all("invoice")
        ours = next(one for one in invoices if one["metadata"].get("invoice_id") == invoice_id(tenant, "2026-10"))
        payments = [one for one in self.stripe.all("invoice_payment") if one["invoice"] == ours["id"]]
        intents = {one["payment"]["payment_intent"] for one in payments}
        return [charge for charge in self.stripe.all("charge") if charge["payment_intent"] in intents]

    def due(self, tenant: str) -> int:
        """What the invoice was issued over, in minor units."""
        return self.books.invoices.get(invoice_id(tenant, "2026-10")).total_minor

    def letters(self, tenant: str) -> Counter[str]:
        """What is told by their subjects' ends, and how often each was delivered."""
        found: Counter[str] = Counter()
        for mail in self.mailbox.mails(f"billing@{tenant}.example"):
            if told := re.search(rf"Account #{tenant}(?: - (.*))?$", mail.subject):
                found[told[1] or "Payment failed"] += mail.deliveries
        return found

    def day_of(self, tenant: str, words: str) -> float:
        """On which day of the ladder, counted from the declined charge, the story says something first."""
        since = min(charge["created"] for charge in self.charges(tenant))
        at = next(line.at for line in self.story(tenant).timeline if line.text.startswith(words))
        return (at - datetime.fromtimestamp(since, UTC)) / DAY_TAKES


@pytest.fixture(scope="module")
def left(played: Played) -> Iterator[Left]:
    server = PostgresServer(played.data / "postgres")
    server.start()
    engine = open_engine(server.url(DATABASE), application="tests")
    mailbox = MailStore(played.data / "mailbox" / FILE)
    yield Left(Books.over(engine), Store(played.data / "stripe" / STATE_FILE), mailbox)
    mailbox.close()
    engine.dispose()
    server.stop()


def test_a_debt_that_a_new_card_paid_was_collected_once_and_limits_nothing_any_more(left: Left) -> None:
    story = left.story(PAID)

    charged = Counter(charge["status"] for charge in left.charges(PAID))
    collected = [charge["amount_captured"] for charge in left.charges(PAID) if charge["status"] == "succeeded"]
    service, letters = left.service(PAID), left.letters(PAID)

    assert (story.ending, story.owed, story.debts) == (Ending.RECOVERED, (), ())
    assert (charged, collected) == (Counter(failed=4, succeeded=1), [left.due(PAID)])
    assert (service[0], service[-1]) == (Restriction.RATE_LIMITED, Restriction.NONE)
    assert left.books.restrictions.standing(PAID).restriction is Restriction.NONE
    assert left.day_of(PAID, "limited to 10 % of the usual rate") >= 7
    assert left.day_of(PAID, "a new payment method: tried at once") <= left.day_of(PAID, "restored, paid: full service")
    assert {"Payment failed", "Final warning", "Requests limited", "Everything works again"} <= set(letters)
    assert set(letters.values()) == {1}


def test_a_debt_that_nobody_pays_climbs_every_rung_in_its_time_and_is_told_of_each_once(left: Left) -> None:
    story = left.story(UNPAID)

    charges, letters = left.charges(UNPAID), left.letters(UNPAID)
    words = ("limited to 10 % of the usual rate", "new requests blocked", "suspended", "reminder 3")
    days = [left.day_of(UNPAID, step) for step in words]

    assert (story.ending, story.rung) == (None, Rung.SUSPENDED)
    assert [charge["status"] for charge in charges] == ["failed"] * 4
    assert [one.minor for one in story.owed] == [left.due(UNPAID)]
    steps = [Restriction.RATE_LIMITED, Restriction.NEW_REQUESTS_BLOCKED, Restriction.SUSPENDED]
    assert left.service(UNPAID) == steps
    assert left.books.restrictions.standing(UNPAID).restriction is Restriction.SUSPENDED
    assert all(day >= least for day, least in zip(days, (7, 10, 14, 21), strict=True)), days
    told = {"Payment failed", "Final warning", "Requests limited", "New requests refused", "Account suspended"}
    assert told | {"Reminder 3 of 3"} <= set(letters)
    assert set(letters.values()) == {1}


def test_time_under_a_hold_costs_the_customer_nothing(left: Left) -> None:
    with transaction(left.books.engine) as connection:
        hold = connection.execute(select(holds).where(holds.c.tenant_id == HELD)).one()

    story, charges = left.story(HELD), left.charges(HELD)
    held_for = hold.released_at - hold.placed_at
    charged_under_it = [one for one in charges if one["created"] > hold.placed_at.timestamp() + 1]

    assert held_for >= HELD_FOR_DAYS * DAY_TAKES
    assert left.day_of(HELD, "held no longer: the ladder goes on") > 14, "the day of the limit passed under the hold"
    assert (story.ending, left.service(HELD)) == (Ending.RECOVERED, [])
    assert (charged_under_it, [one["status"] for one in charges]) == ([], ["failed"] * 4)
    assert set(left.letters(HELD)) <= {"Payment failed", "Final warning"}
    assert story.timeline[-1].at - story.timeline[0].at > held_for > timedelta(0)
