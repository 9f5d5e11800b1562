"""The demo's tickets fit the loaded data, and investigating them comes to what the stories need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from activities.intake import Intake
from activities.investigation import Evidence, Investigation, scope_of
from adapters.calendars import PublicHolidays
from adapters.policies import Policies
from adapters.postgres.cases import Cases
from adapters.postgres.credits import Credits
from adapters.postgres.engine import open_engine
from adapters.postgres.evidence import PostgresEvidenceRoom
from adapters.postgres.invoices import Invoices
from adapters.postgres.tenants import Tenants
from billing.cases import OpenedCase, Opening
from billing.disputes import Resolution, Ticket
from billing.findings import Assessment
from billing.money import Money
from billing.policy.standard import STANDARD
from sandbox.sample_data import Loaded
from sandbox.sample_data.defects import DEFECTS
from sandbox.sample_data.roster import TENANTS
from sandbox.sample_data.stories import STORIES, Story, ticket, tickets
from tests.sandbox.sample_data.audit import Audit

CREDITS = {defect.tenant_id: defect.credit_minor for defect in DEFECTS}


@dataclass(frozen=True)
class Office:
    """The parts that open and investigate a dispute, over the loaded database."""

    intake: Intake
    investigation: Investigation

    def investigate(self, contested: Ticket) -> tuple[OpenedCase, Assessment]:
        case = self.intake.open_case(Opening(ticket=contested))
        room = self.investigation.evidence
        pack = room.collect(scope_of(case), case.policy, lambda words: None)
        summary = self.investigation.analyse(Evidence(case=case, evidence_id=pack.evidence_id))
        return case, room.assessment(summary.assessment_id)


@pytest.fixture
def office(sample_url: str, loaded: Loaded, tmp_path: Path) -> Iterator[Office]:
    engine = open_engine(sample_url)
    directory, archive = Tenants(engine), Invoices(engine)
    yield Office(
        Intake(
            directory,
            archive,
            Policies(engine),
            PublicHolidays(),
            Cases(engine),
            lambda: datetime(2026, 11, 4, 9, tzinfo=UTC),
        ),
        Investigation(PostgresEvidenceRoom(engine, tmp_path), directory, archive, Credits(engine)),
    )
    engine.dispose()


def test_the_tickets_are_accepted_as_they_stand() -> None:
    read = [Ticket.model_validate(payload) for payload in tickets()]

    assert [ticket.ticket_id for ticket in read] == [f"T-{number}" for number in range(4711, 4717)]
    assert all(ticket.requester.email.endswith(f"@{ticket.tenant_id}.example") for ticket in read)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.ticket_id)
def test_the_billed_amount_of_a_ticket_is_that_of_the_invoice_line(audit: Audit, story: Story) -> None:
    line = audit.line(story.tenant_id, story.meter)

    assert Money.of(story.billed, TENANTS[story.tenant_id].currency).minor == line.amount_minor


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.ticket_id)
def test_investigating_a_ticket_finds_exactly_what_was_planted(office: Office, story: Story) -> None:
    contested = Ticket.model_validate(ticket(story.ticket_id))

    case, found = office.investigate(contested)

    assert case.problems == ()
    assert found.conclusive
    assert found.credit.minor == CREDITS.get(story.tenant_id, 0)
    assert (
        found.resolution
        is {
            "T-4711": Resolution.CUSTOMER_CORRECT,
            "T-4712": Resolution.PARTIAL,
            "T-4713": Resolution.PARTIAL,
            "T-4714": Resolution.BILLING_CORRECT,
            "T-4715": Resolution.PARTIAL,
            "T-4716": Resolution.CUSTOMER_CORRECT,
        }[story.ticket_id]
    )
    assert bool(case.escalation_reasons) is (story.ticket_id == "T-4715")


def test_what_would_be_denied_decides_who_is_needed() -> None:
    denied = {
        payload["ticket_id"]: Ticket.model_validate(payload).disputed
        - Money(minor=CREDITS.get(payload["tenant_id"], 0), currency=payload["currency"])
        for payload in tickets()
    }
    limit = STANDARD.credits.agent_limit

    unattended = {who for who, amount in denied.items() if STANDARD.credits.within(amount, limit)}

    assert unattended == {"T-4711", "T-4716"}
