"""Answers that count and answers that do not: signature, role, limit, hash, state and person, re-checked in the database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import product

import pytest

from adapters import operator_keys
from billing.authority import Role
from billing.cases import PendingApproval, SignedDecision, Verdict
from billing.corrections import Proposal
from billing.failures import BillingFailure, FailureCode
from tests.adapters.postgres.company import Company

# Who may answer a question that is put to a role: that role, or one above it on the ladder.
MAY_ANSWER = {
    Role.LEAD: {Role.LEAD, Role.VP},
    Role.VP: {Role.VP},
    Role.ENGINEERING: {Role.ENGINEERING},
}
# Amounts that need no more than the asked role.
AMOUNT = {Role.LEAD: "400.00", Role.VP: "600.00", Role.ENGINEERING: "40.00"}
PATHS = {Role.LEAD: (Role.LEAD,), Role.VP: (Role.VP,), Role.ENGINEERING: (Role.ENGINEERING, Role.LEAD)}


@pytest.fixture
def proposal(company: Company) -> Proposal:
    return company.propose("400.00", path=(Role.LEAD,))


@pytest.fixture
def asked(company: Company, proposal: Proposal) -> PendingApproval:
    return company.ask(proposal)


def effect_state(company: Company) -> str:
    return str(company.rows("select state from effects order by op_key")[0]["state"])


def refusals(company: Company) -> list[str]:
    return [row["objection"] for row in company.rows("select objection from approval_refusals order by refusal_id")]


def test_an_approval_lets_the_credit_leave(company: Company, asked: PendingApproval) -> None:
    receipt = company.answer(asked, Role.LEAD)

    assert (receipt.accepted, receipt.message) == (True, "approved by lead-1@ops.example")
    assert company.effects.claim("dispute/T-1/credit/r1.1").state == "intended"
    assert company.approvals.pending() == []


def test_a_rejection_takes_the_proposal_back(company: Company, asked: PendingApproval) -> None:
    receipt = company.answer(asked, Role.LEAD, Verdict.REJECT)

    assert (receipt.accepted, receipt.message) == (True, "rejected by lead-1@ops.example")
    assert effect_state(company) == "withdrawn"


def test_the_question_tells_what_it_is_about(company: Company, proposal: Proposal, asked: PendingApproval) -> None:
    assert company.approvals.pending() == [asked]
    assert asked.approval_id == "dispute/T-1/credit/r1.1/a1"
    assert (asked.case_id, asked.tenant_id, asked.role) == ("dispute/T-1", "acme", Role.LEAD)
    assert (asked.amount, asked.request_sha256) == (proposal.request.amount, proposal.request_sha256)


def test_asking_again_returns_the_open_question(company: Company, proposal: Proposal, asked: PendingApproval) -> None:
    company.now += timedelta(hours=2)

    assert company.ask(proposal) == asked


@pytest.mark.parametrize(("position", "role"), [(0, Role.LEAD), (2, Role.LEAD), (1, Role.VP)])
def test_a_question_outside_the_path_is_refused(
    company: Company, proposal: Proposal, position: int, role: Role
) -> None:
    with pytest.raises(BillingFailure, match="is approved by lead") as refused:
        company.approvals.ask(
            proposal.request.op_key, position, role, "?", company.now, company.now + timedelta(days=1)
        )

    assert refused.value.code is FailureCode.INVALID


@pytest.mark.parametrize("required", list(MAY_ANSWER))
def test_a_role_may_answer_for_itself_and_for_those_below(company: Company, required: Role) -> None:
    counted = set()
    for number, (role, verdict) in enumerate(product(Role, Verdict)):
        proposal = company.propose(AMOUNT[required], ticket_id=f"T-{number}", path=PATHS[required])
        if company.answer(company.ask(proposal), role, verdict).accepted:
            counted.add((role, verdict))
        company.credits.withdraw(proposal.request.op_key, "the next one must not add to it")

    assert counted == set(product(MAY_ANSWER[required], Verdict))
    assert len(refusals(company)) == len(Role) * len(Verdict) - len(counted)


def _approved(company: Company, asked: PendingApproval) -> None:
    company.hire(Role.VP, "vp-2@ops.example")
    company.answer(asked, Role.VP)


def _rejected(company: Company, asked: PendingApproval) -> None:
    company.answer(asked, Role.VP, Verdict.REJECT)


def _expired(company: Company, asked: PendingApproval) -> None:
    company.approvals.expire(asked.approval_id)


def _overdue(company: Company, asked: PendingApproval) -> None:
    company.now = asked.expires_at


def _withdrawn(company: Company, asked: PendingApproval) -> None:
    company.credits.withdraw("dispute/T-1/credit/r1.1", "the customer withdrew")


def _sent(company: Company, asked: PendingApproval) -> None:
    company.answer(asked, Role.VP)
    company.send("dispute/T-1/credit/r1.1")


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (_approved, "already approved by vp-1"),
        (_rejected, "already rejected by vp-1"),
        (_expired, "already expired"),
        (_overdue, "expired at 2026-11-25 12:00 UTC"),
        (_withdrawn, "already withdrawn"),
        (_sent, "already approved by vp-1"),
    ],
)
def test_a_question_that_is_over_takes_no_answer_from_anybody(
    company: Company, asked: PendingApproval, end: Callable[[Company, PendingApproval], None], words: str
) -> None:
    end(company, asked)
    before = effect_state(company)
    latecomers = {role: company.hire(role, f"late-{role}@ops.example") for role in Role}

    receipts = [
        company.answer(asked, role, verdict, token=latecomers[role]) for role, verdict in product(Role, Verdict)
    ]

    assert [receipt.message for receipt in receipts if receipt.accepted or words not in receipt.message] == []
    assert effect_state(company) == before


def _altered(company: Company, asked: PendingApproval) -> SignedDecision:
    return company.signed(asked, Role.LEAD, Verdict.REJECT).model_copy(update={"verdict": Verdict.APPROVE})


def _unsigned(company: Company, asked: PendingApproval) -> SignedDecision:
    return company.signed(asked, Role.LEAD).model_copy(update={"signature": ""})


def _signed_by_another(company: Company, asked: PendingApproval) -> SignedDecision:
    agents = company.signed(asked, Role.AGENT, operator_id=company.operator(Role.AGENT))
    return agents.model_copy(update={"operator_id": company.operator(Role.LEAD)})


def _by_a_stranger(company: Company, asked: PendingApproval) -> SignedDecision:
    token, _ = operator_keys.new_token("stranger@ops.example")
    return company.signed(asked, Role.LEAD, token=token)


def _by_the_runbook(company: Company, asked: PendingApproval) -> SignedDecision:
    token, _ = operator_keys.new_token("runbook")
    return company.signed(asked, Role.LEAD, token=token)


def _another_request(company: Company, asked: PendingApproval) -> SignedDecision:
    return company.signed(asked, Role.LEAD, request_sha256="0" * 64)


def _no_such_question(company: Company, asked: PendingApproval) -> SignedDecision:
    return company.signed(asked, Role.LEAD, approval_id="dispute/T-1/credit/r9.9/a1")


def _gone(company: Company, asked: PendingApproval) -> SignedDecision:
    decision = company.signed(asked, Role.LEAD)
    company.operators.deactivate(company.operator(Role.LEAD))
    return decision


def _demoted(company: Company, asked: PendingApproval) -> SignedDecision:
    decision = company.signed(asked, Role.LEAD)
    company.run("update operators set role = 'agent' where role = 'lead'")
    return decision


@pytest.mark.parametrize(
    ("forge", "words"),
    [
        (_altered, "the signature is not lead-1"),
        (_unsigned, "the signature is not lead-1"),
        (_signed_by_another, "the signature is not lead-1"),
        (_by_a_stranger, "stranger@ops.example is not an operator"),
        (_by_the_runbook, "runbook is not an operator"),
        (_another_request, "another request than the frozen one"),
        (_no_such_question, "there is no such question"),
        (_gone, "no longer an active operator"),
        (_demoted, "a decision by lead is needed"),
    ],
)
def test_what_is_not_an_operators_own_answer_is_refused_and_recorded(
    company: Company,
    asked: PendingApproval,
    forge: Callable[[Company, PendingApproval], SignedDecision],
    words: str,
) -> None:
    forged = forge(company, asked)

    receipt = company.approvals.decide(forged)

    assert not receipt.accepted
    assert words in receipt.message
    assert refusals(company) == [receipt.message]
    assert effect_state(company) == "proposed"


def test_the_person_who_asks_never_approves(company: Company) -> None:
    judge = company.operator(Role.LEAD)
    asked = company.ask(company.propose("400.00", path=(Role.LEAD,), requested_by=judge))

    receipt = company.answer(asked, Role.LEAD)

    assert not receipt.accepted
    assert receipt.message == f"{judge} asked for this; another person must decide it"


def test_two_positions_need_two_people(company: Company) -> None:
    proposal = company.propose("400.00", path=(Role.ENGINEERING, Role.VP))
    first = company.ask(proposal)
    company.approvals.climb(first.approval_id, Role.VP)
    company.answer(first, Role.VP)
    second = company.ask(proposal, position=2)

    same_person = company.answer(second, Role.VP)
    another = company.answer(second, Role.VP, token=company.hire(Role.VP, "vp-2@ops.example"))

    assert "already decided a part" in same_person.message
    assert (same_person.accepted, another.accepted) == (False, True)
    assert effect_state(company) == "intended"


def test_the_first_of_two_approvals_lets_nothing_leave(company: Company) -> None:
    proposal = company.propose("400.00", path=(Role.ENGINEERING, Role.LEAD))
    company.answer(company.ask(proposal), Role.ENGINEERING)

    with pytest.raises(BillingFailure) as refused:
        company.effects.claim(proposal.request.op_key)

    assert refused.value.code is FailureCode.NOT_APPROVED


def test_the_same_decision_again_gets_its_first_receipt(company: Company, asked: PendingApproval) -> None:
    decision = company.signed(asked, Role.LEAD)
    first = company.approvals.decide(decision)
    company.operators.deactivate(company.operator(Role.LEAD))

    assert company.approvals.decide(decision) == first
    assert refusals(company) == []


def test_a_refused_decision_again_gets_its_first_refusal_even_when_it_would_count_now(
    company: Company, asked: PendingApproval
) -> None:
    decision = company.signed(asked, Role.AGENT)
    first = company.approvals.decide(decision)
    company.run("update operators set role = 'lead' where role = 'agent'")

    assert company.approvals.decide(decision) == first
    assert len(refusals(company)) == 1


def test_a_question_answered_by_nobody_climbs_to_the_next_role(company: Company, asked: PendingApproval) -> None:
    company.approvals.climb(asked.approval_id, Role.VP)

    refused, accepted = company.answer(asked, Role.LEAD), company.answer(asked, Role.VP)

    assert (refused.accepted, accepted.accepted) == (False, True)


def test_silence_is_a_no_for_the_credit_too(company: Company, asked: PendingApproval) -> None:
    company.approvals.expire(asked.approval_id)

    assert effect_state(company) == "withdrawn"
    assert company.approvals.pending() == []


def test_expiring_or_climbing_after_the_answer_changes_nothing(company: Company, asked: PendingApproval) -> None:
    company.answer(asked, Role.LEAD)

    company.approvals.climb(asked.approval_id, Role.VP)
    company.approvals.expire(asked.approval_id)

    assert company.rows("select role, state from approvals") == [{"role": "lead", "state": "approved"}]
    assert effect_state(company) == "intended"
