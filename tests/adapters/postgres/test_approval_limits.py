"""Limits count a tenant's credits of thirty days together, also when people decide at the same moment (C8)."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from billing.authority import LADDER, RUNBOOK, Role, level_for
from billing.cases import DecisionReceipt, PendingApproval, Verdict
from billing.failures import BillingFailure
from billing.money import Money
from billing.policy.standard import STANDARD
from tests.adapters.postgres.company import Company


@pytest.fixture
def asked(company: Company) -> PendingApproval:
    return company.ask(company.propose("400.00", path=(Role.LEAD,)))


def refusals(company: Company) -> list[str]:
    return [row["objection"] for row in company.rows("select objection from approval_refusals order by refusal_id")]


def test_a_lead_is_refused_once_the_tenants_credits_have_outgrown_the_limit(
    company: Company, asked: PendingApproval
) -> None:
    other = company.propose("101.00", ticket_id="T-2", path=(Role.VP,))
    company.answer(company.ask(other), Role.VP)

    by_lead, by_vp = company.answer(asked, Role.LEAD), company.answer(asked, Role.VP)

    assert by_lead.message == (
        "with this credit the tenant's credits of the last 30 days add up to USD 501.00, which needs vp; "
        "lead-1@ops.example is lead"
    )
    assert (by_lead.accepted, by_vp.accepted) == (False, True)


@pytest.mark.parametrize(
    ("currency", "credited", "words"),
    [
        ("EUR", "91.00", "add up to USD 501.12, which needs vp"),
        ("CHF", "1.00", "cannot be added up, as some have no planning rate, which needs vp"),
    ],
)
def test_credits_from_before_a_change_of_currency_count_when_somebody_decides(
    company: Company, asked: PendingApproval, currency: str, credited: str, words: str
) -> None:
    company.was_billed_in(currency, credited)

    by_lead, by_vp = company.answer(asked, Role.LEAD), company.answer(asked, Role.VP)

    assert words in by_lead.message
    assert (by_lead.accepted, by_vp.accepted) == (False, True)


def test_the_limits_are_those_of_the_tenants_own_policy(company: Company, asked: PendingApproval) -> None:
    limits = STANDARD.credits.model_copy(
        update={"lead_limit": asked.amount - asked.amount.portion(STANDARD.sla.warn_at)}
    )
    company.tenants.carry_policy("acme", STANDARD.model_copy(update={"version": "acme-1", "credits": limits}))

    receipt = company.answer(asked, Role.LEAD)

    assert not receipt.accepted
    assert "which needs vp" in receipt.message


@pytest.mark.parametrize("attempt", range(5))
def test_of_two_approvers_at_the_same_moment_one_counts(company: Company, asked: PendingApproval, attempt: int) -> None:
    tokens = [company.tokens[Role.LEAD], company.hire(Role.LEAD, "lead-2@ops.example")]
    verdicts = [Verdict.APPROVE, Verdict.REJECT if attempt % 2 else Verdict.APPROVE]
    decisions = [company.signed(asked, Role.LEAD, v, token=t) for v, t in zip(verdicts, tokens, strict=True)]

    with ThreadPoolExecutor(2) as pool:
        receipts: list[DecisionReceipt] = list(pool.map(company.approvals.decide, decisions))

    assert sorted(receipt.accepted for receipt in receipts) == [False, True]
    assert len(refusals(company)) == 1


def test_two_approvals_at_the_same_moment_never_exceed_a_limit_together(company: Company) -> None:
    asked = [company.ask(company.propose("260.00", ticket_id=f"T-{n}", path=(Role.LEAD,))) for n in (1, 2)]
    decisions = [company.signed(question, Role.LEAD) for question in asked]

    with ThreadPoolExecutor(2) as pool:
        receipts = list(pool.map(company.approvals.decide, decisions))

    assert sorted(receipt.accepted for receipt in receipts) == [False, True]
    assert "USD 520.00, which needs vp" in refusals(company)[0]


def test_no_random_walk_finds_a_way_to_send_a_credit_without_authority(company: Company) -> None:
    chance = random.Random(42)
    asked: list[PendingApproval] = []
    sent = Money.zero("USD")

    for number in range(40):
        amount = chance.choice(["5.00", "20.00", "45.00", "120.00"])
        path = chance.choice([(), (Role.LEAD,), (Role.VP,), (Role.ENGINEERING, Role.VP)])
        requested_by = chance.choice([RUNBOOK, company.operator(Role.LEAD)])
        try:
            proposal = company.propose(amount, ticket_id=f"T-{number}", path=path, requested_by=requested_by)
        except BillingFailure:
            continue  # the invoice has nothing left to give back
        asked += [company.ask(proposal, position) for position in range(1, len(proposal.path) + 1)]
        for question in chance.sample(asked, min(2, len(asked))):
            role = chance.choice([Role.AGENT, Role.LEAD, Role.ENGINEERING, Role.VP])
            company.answer(question, role, chance.choice([Verdict.APPROVE, *Verdict]))
        try:
            company.send(proposal.request.op_key)
        except BillingFailure:
            continue
        sent += proposal.request.amount
        _has_authority(company, proposal.request.op_key, sent)

    assert sent.minor > 0
    assert sent <= Money.of("1000.00", "USD")


def _has_authority(company: Company, op_key: str, sent: Money) -> None:
    answers = [
        row for row in company.rows("select * from approvals where op_key = :key", key=op_key) if row["decided_by"]
    ]
    (effect,) = company.rows("select path from effects where op_key = :key", key=op_key)
    roles = [Role(row["decided_role"]) for row in answers if row["decided_role"] in LADDER]
    highest = max(roles, default=Role.AGENT, key=LADDER.index)
    assert [row["state"] for row in answers] == ["approved"] * len(effect["path"])
    assert len({row["decided_by"] for row in answers}) == len(answers)
    assert all(row["decided_by"] != row["requested_by"] for row in answers)
    assert LADDER.index(highest) >= LADDER.index(level_for(sent, STANDARD.credits))
