"""From issued to in the customer's mailbox: every document of a run is printed once and delivered once."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from activities.delivery import Courier
from activities.letters import Letters
from adapters.document_files import DocumentFiles
from adapters.policies import Policies
from adapters.postgres.deliveries import Deliveries
from adapters.postgres.effects import Effects
from adapters.postgres.operators import Operators
from adapters.postgres.press import Press
from billing.failures import BillingFailure, FailureCode
from billing.holds import HeldEffect, HoldOrder
from billing.month_end import BatchResult, BillingRun
from tests.adapters.postgres.billing_runs.world import EVERYBODY, FINANCE, NOW, House, still
from tests.fakes.postman import FakePostman


class Office:
    """A house whose October is issued for `acme` and `brick`, with a press and a courier."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.house = House(engine)
        for tenant_id in ("acme", "brick"):
            self.house.tenant(tenant_id)
            self.house.used(tenant_id, 1_000)
        self.run: BillingRun = self.house.billed()
        self.postman = FakePostman()
        self.press = Press(engine, DocumentFiles(folder))
        effects = Effects(engine, Policies(engine), lambda: NOW)
        letters = Letters(self.postman, effects, Operators(engine), lambda: NOW)
        self.courier = Courier(Deliveries(engine), letters)

    def print(self) -> BatchResult:
        return self.press.print(self.run.run_id, EVERYBODY, still)

    def deliver(self) -> BatchResult:
        return self.courier.deliver(self.run.run_id, EVERYBODY, still)

    def known_to_the_provider(self) -> None:
        self.house.run(
            "update effects set state = 'confirmed', provider_id = 'in_' || op_key, wire = '{}', first_sent_at = now() "
            "where kind = 'invoice'"
        )

    @property
    def arrived(self) -> list[tuple[str, str]]:
        return [(sent.letter.to.email, sent.letter.attachments[0].number) for sent in self.postman.mailbox]


@pytest.fixture
def office(engine: Engine, tmp_path: Path) -> Office:
    return Office(engine, tmp_path)


ACME, BRICK = ("billing@acme.example", "INV-2026-000001"), ("billing@brick.example", "INV-2026-000002")


def test_each_customer_gets_the_own_document_once(office: Office) -> None:
    office.print()
    office.known_to_the_provider()

    first, again = office.deliver(), office.deliver()

    assert (first.done, again.done) == (2, 0)
    assert office.arrived == [ACME, BRICK]
    recorded = office.house.column("select sha256 from invoice_documents order by number")
    assert [sent.letter.attachments[0].sha256 for sent in office.postman.mailbox] == recorded


def test_a_second_printing_prints_nothing(office: Office) -> None:
    first, again = office.print(), office.print()

    assert (first.done, again.done) == (2, 0)


def test_nothing_is_delivered_that_the_provider_does_not_know(office: Office) -> None:
    office.print()

    delivered = office.deliver()

    assert delivered == BatchResult(done=0)
    assert office.arrived == []


def test_a_held_delivery_waits_with_its_reason_and_leaves_once_it_is_released(office: Office) -> None:
    office.print()
    office.known_to_the_provider()
    order = HoldOrder(effect=HeldEffect.INVOICE_DELIVERY, tenant_id="acme", reason="address is checked", by=FINANCE)
    hold = office.house.holds.place(order, NOW)

    held = office.deliver()
    office.house.holds.release(hold.hold_id, FINANCE, "address is right", NOW)
    released = office.deliver()

    assert [(left.tenant_id, left.why) for left in held.left] == [
        ("acme", "invoice delivery is held: address is checked")
    ]
    assert (held.done, released.done) == (1, 1)
    assert office.arrived == [BRICK, ACME]


def test_a_refused_mailbox_is_left_for_a_person_and_keeps_nobody_else_waiting(office: Office) -> None:
    office.print()
    office.known_to_the_provider()
    office.postman.fail_next(FailureCode.PROVIDER_REFUSED)

    delivered = office.deliver()

    assert [left.tenant_id for left in delivered.left] == ["acme"]
    assert delivered.done == 1
    assert office.arrived == [BRICK]


def test_a_mail_server_that_is_away_is_tried_again_without_a_second_copy(office: Office) -> None:
    office.print()
    office.known_to_the_provider()
    office.postman.fail_next(FailureCode.PROVIDER_BUSY)

    with pytest.raises(BillingFailure, match="scripted"):
        office.deliver()
    later = office.deliver()

    assert later.done == 1
    assert office.arrived == [BRICK, ACME]
