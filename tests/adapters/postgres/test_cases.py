"""The register: a ticket is one case, one thing is contested once at a time, and a round is closed for good."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from activities.ports import Closing
from adapters.postgres.case_list import CaseList
from adapters.postgres.decisions import DecisionLog
from adapters.postgres.tables import assessments, evidence_packs, findings
from billing.cases import Ending, OpenedCase, Opening, Reopening
from billing.clocks import Clock
from billing.corrections import Destination
from billing.decisions import DisputeDecision
from billing.disputes import Category, Resolution
from billing.failures import BillingFailure, FailureCode
from billing.money import Money
from billing.policy.sla import Budget
from tests.adapters.postgres.company import NOON, ORIGINAL, Company, opened, ticket

REOPENING = Reopening(by="agent-1@ops.example", reason="the customer sent a new export", opened_at=NOON)
RESOLUTION = Clock(
    name="resolution",
    budget=Budget(amount=timedelta(days=5)),
    warn_at="0.75",
    consumed=timedelta(hours=30),
    met_at=NOON,
)


def closing(ticket_id: str = "T-1", round_number: int = 1, **changes: Any) -> Closing:
    credited = Money.of("40.00", "USD")
    decision = DisputeDecision(
        resolver="runbook",
        tenant_id="acme",
        period="2026-10",
        disputed=Money.of("100.00", "USD"),
        credited=credited,
        category=Category.USAGE_CALCULATION,
        team="Customer Support",
    )
    fields: dict[str, Any] = {
        "case_id": f"dispute/{ticket_id}",
        "round": round_number,
        "ending": Ending.CREDITED,
        "resolution": Resolution.CUSTOMER_CORRECT,
        "credited": credited,
        "resolved_by": "runbook",
        "root_cause": "400 events were counted twice",
        "clocks": (RESOLUTION,),
        "story": ("opened", "credited USD 40.00"),
        "decision": decision,
    }
    return Closing(**(fields | changes))


def known(company: Company, ticket_id: str = "T-1") -> OpenedCase:
    return company.open(ticket_id)


def test_a_repeated_ticket_is_the_same_case(company: Company) -> None:
    first = company.open("T-1")

    assert company.open("T-1") == first
    assert len(company.rows("select * from disputes")) == 1


def test_a_second_ticket_about_the_same_thing_is_a_duplicate_however_often_it_is_sent(company: Company) -> None:
    company.open("T-1")

    first, again = company.open("T-2"), company.open("T-2")

    assert first.duplicate_of == again.duplicate_of == "dispute/T-1"
    assert first.closed_as is again.closed_as is None


@pytest.mark.parametrize("other", [{"period": "2026-09"}, {"meters": ("storage_gb",)}, {"category": Category.PRICING}])
def test_another_month_meter_or_category_is_another_case(company: Company, other: dict[str, Any]) -> None:
    company.open("T-1")

    assert company.open("T-2", **other).duplicate_of is None


def test_a_duplicate_sent_again_after_the_first_case_was_closed_is_looked_at(company: Company) -> None:
    company.open("T-1")
    company.open("T-2")
    company.cases.close(closing("T-1"))

    case = company.open("T-2")

    assert (case.duplicate_of, case.closed_as) == (None, None)


def test_a_ticket_with_problems_blocks_nobody_and_is_accepted_once_they_are_gone(company: Company) -> None:
    opening = Opening(ticket=ticket("T-1", tenant_id="nobody"))
    refused = company.cases.register(
        opened(opening, tenant=None, invoice_id=None, problems=("no such tenant",)), opening
    )

    accepted = company.open("T-1")

    assert refused.closed_as is None
    assert (accepted.closed_as, accepted.duplicate_of) == (None, None)
    assert company.rows("select tenant_id, ending from disputes") == [{"tenant_id": "acme", "ending": None}]


def test_of_two_tickets_in_the_same_instant_one_opens_and_the_other_is_its_duplicate(company: Company) -> None:
    numbers = [f"T-{n}" for n in range(6)]

    with ThreadPoolExecutor(6) as pool:
        cases = list(pool.map(company.open, numbers))

    opened_ones = [case.case_id for case in cases if case.duplicate_of is None]
    assert len(opened_ones) == 1
    assert {case.duplicate_of for case in cases} == {None, *opened_ones}


def test_a_closed_case_stays_closed_until_somebody_reopens_it(company: Company) -> None:
    company.open()
    company.cases.close(closing())

    assert company.open().closed_as is Ending.CREDITED


def test_reopening_starts_the_next_round_and_forgets_no_consumed_time(company: Company) -> None:
    company.open()
    company.cases.close(closing())

    case = company.open(reopening=REOPENING)

    assert (case.round, case.closed_as) == (2, None)
    assert case.clocks == (RESOLUTION.reopened(),)
    assert case.clocks[0].consumed == timedelta(hours=30)


def test_reopening_an_open_case_changes_nothing(company: Company) -> None:
    company.open()
    company.cases.close(closing())
    reopened = company.open(reopening=REOPENING)

    assert company.open(reopening=REOPENING) == reopened
    assert company.open().round == 2


def test_the_same_reopening_counts_once_even_after_its_round_was_closed(company: Company) -> None:
    company.open()
    company.cases.close(closing())
    company.open(reopening=REOPENING)
    company.cases.close(closing(round_number=2, ending=Ending.CONFIRMED))

    case = company.open(reopening=REOPENING)

    assert (case.round, case.closed_as) == (2, Ending.CONFIRMED)


def test_reopening_what_another_open_case_covers_by_now_is_a_duplicate(company: Company) -> None:
    company.open("T-1")
    company.cases.close(closing("T-1"))
    company.open("T-2")

    assert company.open("T-1", reopening=REOPENING).duplicate_of == "dispute/T-2"


def test_closing_writes_register_correction_note_and_decision_together(company: Company) -> None:
    company.open()

    company.cases.close(closing())

    (case,) = CaseList(company.engine).newest()
    assert (case.ending, case.resolution, case.credited) == (
        Ending.CREDITED,
        Resolution.CUSTOMER_CORRECT,
        Money.of("40.00", "USD"),
    )
    assert case.story == ("opened", "credited USD 40.00")
    assert company.rows("select * from billing_corrections") == [
        {
            "customer_id": "acme",
            "ticket_id": "T-1",
            "round": 1,
            "issue_type": "usage_calculation",
            "credit_amount": 40_00,
            "currency": "USD",
            "resolved_by": "runbook",
            "resolved_at": NOON,
            "notes": "400 events were counted twice",
        }
    ]
    assert company.rows("select dispute_note from invoices") == [
        {"dispute_note": "Dispute T-1, round 1: credited, USD 40.00 credited."}
    ]
    assert [decision.line for decision in DecisionLog(company.engine).lines()] == [
        "2026-11-20T12:00:00Z | OPERATOR=runbook | ACTION=usage_dispute_resolved | TENANT=acme | PERIOD=2026-10 | "
        "DISPUTED=100.00 | CREDITED=40.00 | REASON=usage_calculation | EXECUTOR=Customer Support"
    ]


def test_closing_twice_records_once(company: Company) -> None:
    company.open()
    company.cases.close(closing())

    company.cases.close(closing())

    assert DecisionLog(company.engine).head()[0] == 1
    assert len(company.rows("select * from billing_corrections")) == 1


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (closing(ending=Ending.CONFIRMED), FailureCode.CONFLICT),
        (closing(round_number=2), FailureCode.CONFLICT),
        (closing("T-9"), FailureCode.NOT_FOUND),
    ],
)
def test_a_closing_that_does_not_fit_leaves_no_trace(company: Company, wrong: Closing, code: FailureCode) -> None:
    company.open()
    company.cases.close(closing())

    with pytest.raises(BillingFailure) as refused:
        company.cases.close(wrong)

    assert refused.value.code is code
    assert DecisionLog(company.engine).head()[0] == 1


def test_a_decision_that_cannot_be_logged_closes_nothing(company: Company) -> None:
    company.open()
    company.run("alter table decisions add constraint jam check (seq < 0) not valid")

    with pytest.raises(BillingFailure, match="jam"):
        company.cases.close(closing())

    assert company.rows("select ending from disputes") == [{"ending": None}]
    assert company.rows("select * from dispute_rounds") == company.rows("select * from billing_corrections") == []


def test_an_ending_without_a_decision_leaves_no_line_and_no_correction(company: Company) -> None:
    company.open()
    nothing = Money.zero("USD")

    company.cases.close(closing(ending=Ending.WITHDRAWN, resolution=None, credited=nothing, decision=None))

    assert DecisionLog(company.engine).head()[0] == 0
    assert company.rows("select * from billing_corrections") == []


def test_the_note_of_a_closing_goes_on_the_corrected_revision(company: Company) -> None:
    company.credit("40.00")

    company.cases.close(closing())

    notes = {row["number"]: row["dispute_note"] for row in company.rows("select number, dispute_note from invoices")}
    assert notes == {
        "INV-000042": None,
        "INV-000042-R2": "Corrects INV-000042 by credit note CN-2026-000001 after dispute T-1.\n"
        "Dispute T-1, round 1: credited, USD 40.00 credited.",
    }


def test_tenants_who_contest_the_same_meter_in_the_same_category_are_counted_once_each(company: Company) -> None:
    company.open("T-1", tenant_id="bolt", meters=("api_calls", "storage_gb"))
    company.open("T-2", tenant_id="bolt", meters=("api_calls",))
    company.open("T-3", tenant_id="core", category=Category.PRICING)
    company.open("T-4", tenant_id="dune", opened_at=NOON - timedelta(days=31))
    company.open("T-5", tenant_id="echo", meters=("storage_gb",))
    opening = Opening(ticket=ticket("T-6"))

    before = company.cases.similar_tenants(opening, NOON - timedelta(days=30))
    company.open("T-6")

    assert before == company.cases.similar_tenants(opening, NOON - timedelta(days=30)) == 2


def test_the_cases_of_a_pattern_are_named_those_that_still_can_be_escalated_first(company: Company) -> None:
    company.open("T-1", tenant_id="bolt")
    company.open("T-2", tenant_id="core", opened_at=NOON - timedelta(days=2))
    company.open("T-3", tenant_id="dune", opened_at=NOON - timedelta(days=1))
    company.open("T-4", tenant_id="echo", category=Category.PRICING)
    company.open("T-5", tenant_id="echo", period="2031-01", opened_at=NOON - timedelta(days=31))
    company.run(
        "update disputes set ending = 'credited', closed_at = now() where case_id = 'dispute/T-1';"
        "update disputes set escalated = true where case_id = 'dispute/T-2'"
    )

    found = company.cases.similar_cases(Opening(ticket=ticket("T-6")), NOON - timedelta(days=30))

    assert [(case.case_id, case.tenant_id, case.calm) for case in found] == [
        ("dispute/T-3", "dune", True),
        ("dispute/T-1", "bolt", False),
        ("dispute/T-2", "core", False),
    ]


@pytest.mark.parametrize(
    ("other_tenant", "kind", "days_ago", "shared"),
    [
        ("bolt", "duplicate_events", 1, True),
        ("acme", "duplicate_events", 1, False),
        ("bolt", "wrong_rate", 1, False),
        ("bolt", "duplicate_events", 31, False),
    ],
)
def test_a_defect_is_shared_when_another_tenant_had_the_same_finding_lately(
    company: Company, other_tenant: str, kind: str, days_ago: int, shared: bool
) -> None:
    company.open("T-1")
    company.open("T-2", tenant_id=other_tenant, meters=("storage_gb",))
    _found(company, "T-1", "acme", "duplicate_events", 0)
    _found(company, "T-2", other_tenant, kind, days_ago)

    assert company.cases.defect_is_shared("dispute/T-1", NOON - timedelta(days=30)) is shared


def _found(company: Company, ticket_id: str, tenant_id: str, kind: str, days_ago: int) -> None:
    case = {"case_id": f"dispute/{ticket_id}", "round": 1}
    pack = {"evidence_id": ticket_id, "events": 1, "facts": {}, "facts_sha256": "0" * 64, "files": []}
    finding = {"finding": 1, "tenant_id": tenant_id, "kind": kind, "meter": "api_calls", "statement": "Counted twice."}
    judged = {
        "conclusive": True,
        "systematic": False,
        "excess_quantity": 4,
        "found_at": NOON - timedelta(days=days_ago),
    }
    with company.engine.begin() as connection:
        connection.execute(insert(evidence_packs).values(case | pack))
        made = {"assessment_id": ticket_id, "evidence_id": ticket_id, "assessment": {}}
        connection.execute(insert(assessments).values(case | made))
        connection.execute(insert(findings).values(case | finding | judged))


def test_lists_are_narrowed_by_what_is_asked(company: Company) -> None:
    company.open("T-1")
    company.open("T-2", category=Category.PRICING, opened_at=NOON + timedelta(hours=1))
    company.open("T-3", tenant_id="bolt")
    company.cases.close(closing("T-1"))
    cases = CaseList(company.engine)

    assert [case.ticket_id for case in cases.newest(limit=1)] == ["T-2"]
    assert {case.ticket_id for case in cases.newest(open_only=True)} == {"T-2", "T-3"}
    assert [case.ticket_id for case in cases.newest(tenant_id="bolt")] == ["T-3"]
    assert [case.ticket_id for case in cases.newest(category=Category.PRICING)] == ["T-2"]
    assert cases.find("dispute/T-9") is None


def test_the_frequency_of_disputes_is_told_by_meter_and_tenant(company: Company) -> None:
    company.credit("9.00", destination=Destination.NEXT_INVOICE)
    company.cases.close(closing())
    company.open("T-2", meters=("api_calls", "storage_gb"))
    company.open("T-3", meters=("api_calls",), period="2026-09")

    frequencies = CaseList(company.engine).frequency(NOON - timedelta(days=30))

    assert [(each.meter, each.tenant_id, each.disputes, each.credited) for each in frequencies] == [
        ("api_calls", "acme", 2, 0),
        ("meter_t_1", "acme", 1, 1),
        ("storage_gb", "acme", 1, 0),
    ]
    assert company.invoices.get(ORIGINAL).revision == 1
