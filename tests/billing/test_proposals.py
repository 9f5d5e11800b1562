"""What the runbook may do by itself, and what needs a person first."""

import pytest

from billing.authority import RUNBOOK, Role
from billing.cases import Judgement
from billing.disputes import Resolution
from billing.findings import Assessment, Finding, FindingKind
from billing.money import Money
from billing.policy.standard import STANDARD
from billing.proposals import Circumstances, computed, judged, judgement_problem

POLICY = STANDARD.credits


def usd(major: str) -> Money:
    return Money.of(major, "USD")


def assessment(credit: str, *, conclusive: bool = True, systematic: bool = False) -> Assessment:
    finding = Finding(
        kind=FindingKind.DUPLICATE_EVENTS,
        meter="api_calls",
        statement="Events were counted twice.",
        systematic=systematic,
        amount=usd(credit),
    )
    return Assessment(
        findings=(finding,),
        lines=(),
        overbilled=usd(credit),
        already_credited=usd("0"),
        credit=usd(credit),
        resolution=Resolution.CUSTOMER_CORRECT if usd(credit) else Resolution.BILLING_CORRECT,
        conclusive=conclusive,
    )


def around(
    disputed: str, *, credited: str = "0", escalated: bool = False, executive: bool = False, systematic: bool = False
) -> Circumstances:
    return Circumstances(
        disputed=usd(disputed),
        recently_credited=usd(credited),
        escalated=escalated,
        executive_escalation=executive,
        systematic=systematic,
    )


@pytest.mark.parametrize(
    ("credit", "circumstances", "path", "judged_first"),
    [
        ("50.00", around("50.00"), (), False),
        ("50.01", around("50.01"), (Role.LEAD,), False),
        ("500.00", around("500.00"), (Role.LEAD,), False),
        ("500.01", around("500.01"), (Role.VP,), False),
        ("20.00", around("20.00", credited="30.00"), (), False),
        ("20.00", around("20.00", credited="30.01"), (Role.LEAD,), False),
        ("20.00", around("20.00", credited="480.01"), (Role.VP,), False),
        ("20.00", around("70.00"), (), False),
        ("20.00", around("70.01"), (), True),
        ("0.00", around("50.00"), (), False),
        ("0.00", around("50.01"), (), True),
        ("20.00", around("20.00", escalated=True), (Role.LEAD,), False),
        ("0.00", around("20.00", escalated=True), (), True),
        ("0.00", around("20.00", executive=True), (), True),
        ("20.00", around("20.00", executive=True), (Role.VP,), False),
        ("20.00", around("20.00", systematic=True), (Role.ENGINEERING, Role.VP), False),
    ],
)
def test_who_must_agree_follows_the_money_given_and_the_money_denied(
    credit: str, circumstances: Circumstances, path: tuple[Role, ...], judged_first: bool
) -> None:
    outcome = computed(assessment(credit), circumstances, POLICY)

    assert outcome.path == path
    assert (outcome.needs_person is not None) is judged_first
    assert outcome.requested_by == RUNBOOK


@pytest.mark.parametrize(
    ("credit", "disputed", "hinges"),
    [("10.00", "10.00", True), ("0.00", "30.00", True), ("60.00", "60.00", False), ("600.00", "600.00", False)],
)
def test_an_outcome_hinges_on_the_escalation_when_it_would_be_another_without_it(
    credit: str, disputed: str, hinges: bool
) -> None:
    calm, grave = (computed(assessment(credit), around(disputed, escalated=grave), POLICY) for grave in (False, True))

    assert (calm.stands(escalated=False), grave.stands(escalated=True)) == (True, True)
    assert calm.stands(escalated=True) is grave.stands(escalated=False) is not hinges


def test_a_small_credit_that_a_person_judged_needs_a_lead_once_its_case_is_escalated() -> None:
    judgement = Judgement(by="agent-1", resolution=Resolution.PARTIAL, amount=usd("12.00"), reason="a fair part")

    outcome = judged(judgement, around("100.00"), POLICY)

    assert not outcome.stands(escalated=True)


def test_findings_that_settle_nothing_wait_for_a_person() -> None:
    outcome = computed(assessment("20.00", conclusive=False), around("20.00"), POLICY)

    assert outcome.needs_person == "the findings are not conclusive"


def test_a_persons_credit_always_needs_another_person_even_under_fifty_dollars() -> None:
    judgement = Judgement(by="agent-1", resolution=Resolution.PARTIAL, amount=usd("12.00"), reason="a fair part")

    outcome = judged(judgement, around("100.00"), POLICY)

    assert outcome.path == (Role.AGENT,)
    assert outcome.requested_by == "agent-1"


@pytest.mark.parametrize(
    ("resolution", "amount", "goodwill", "problem"),
    [
        (Resolution.PARTIAL, usd("99.00"), False, None),
        (Resolution.BILLING_CORRECT, usd("0"), False, None),
        (Resolution.BILLING_CORRECT, usd("50.00"), True, None),
        (Resolution.BILLING_CORRECT, usd("50.01"), True, "goodwill is at most"),
        (Resolution.BILLING_CORRECT, usd("1.00"), False, "gives nothing back"),
        (Resolution.PARTIAL, usd("1.00"), True, "goodwill goes with"),
        (Resolution.PARTIAL, usd("0"), False, "above zero"),
        (Resolution.CUSTOMER_CORRECT, usd("-1.00"), False, "zero or more"),
        (Resolution.CUSTOMER_CORRECT, usd("100.01"), False, "can still be given back"),
        (Resolution.CUSTOMER_CORRECT, Money.of("10.00", "EUR"), False, "the invoice is in USD"),
    ],
)
def test_a_judgement_must_fit_its_invoice(
    resolution: Resolution, amount: Money, goodwill: bool, problem: str | None
) -> None:
    judgement = Judgement(by="agent-1", resolution=resolution, amount=amount, reason="a fair part", goodwill=goodwill)

    found = judgement_problem(judgement, usd("100.00"), POLICY)

    assert found is None if problem is None else found is not None and problem in found
