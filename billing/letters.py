"""What each letter of a dispute says, built from the case: facts only, the sentences are in the templates."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from billing.authority import Role
from billing.cases import Ending, OpenedCase, PendingApproval, Question, SimilarCase, Stage
from billing.corrections import CreditReceipt, Proposal, sha256_of
from billing.disputes import Category, in_words
from billing.emails import (
    ApprovalRequested,
    CaseEscalated,
    CustomerAsked,
    DisputeAcknowledged,
    DisputeClosed,
    DisputeResolved,
    DisputeUpdate,
    HandedOver,
    JudgementNeeded,
    Payload,
    SlaAlert,
)
from billing.policy.sla import Budget, Counts
from billing.proposals import Outcome
from billing.wording import counted, listed

_DAY = timedelta(days=1)

ISSUES = {
    Category.USAGE_CALCULATION: "the usage on your bill did not match the usage we measured",
    Category.UNAUTHORIZED_USAGE: "usage on your account that you did not authorise",
    Category.SERVICE_QUALITY: "the quality of the service during the billing period",
    Category.PRICING: "the price that was applied to your usage",
}

_CLOSED_BECAUSE = {
    Ending.WITHDRAWN: "You told us that you no longer contest this bill. Nothing was changed.",
    Ending.UNANSWERED: "We asked you a question and did not hear back, so we have closed the case. "
    "Write to us at any time, naming this ticket, and we will open it again.",
    Ending.DUPLICATE: "You have already told us about this bill, and that case is still open. "
    "We will answer you there, so that nothing is said twice.",
}


def budget_in_words(budget: Budget) -> str:
    """A budget as a customer reads it, such as `5 business days` or `72 hours`."""
    if budget.counts is Counts.BUSINESS_DAYS:
        return counted(budget.amount // _DAY, "business day")
    if budget.amount > 3 * _DAY and budget.amount % _DAY == timedelta(0):
        return counted(budget.amount // _DAY, "day")
    hours = budget.amount / timedelta(hours=1)
    return counted(int(hours), "hour") if hours >= 1 else counted(max(1, int(hours * 60)), "minute")


def acknowledged(case: OpenedCase) -> DisputeAcknowledged:
    """Promises the time of the tenant's tier, and says in whole hours how often we write."""
    sla = case.policy.sla
    tier = case.tenant.tier if case.tenant else None
    resolution = sla.commitments[tier].resolution if tier else sla.root_cause
    return DisputeAcknowledged(
        ticket_id=case.ticket.ticket_id,
        invoice_number=case.invoice_number or "",
        expected_resolution=budget_in_words(resolution),
        update_every_hours=max(1, round(sla.update_every / timedelta(hours=1))),
    )


def update(case: OpenedCase, stage: Stage, next_step: str, due: datetime | None) -> DisputeUpdate:
    """`due` is when the resolution is due, None while its clock stands still."""
    return DisputeUpdate(
        ticket_id=case.ticket.ticket_id,
        invoice_number=case.invoice_number or "",
        stage=stage.value,
        next_step=next_step,
        due=due,
    )


def asked(case: OpenedCase, question: Question, reminder: int, closes_at: datetime) -> CustomerAsked:
    """`reminder` 0 is the question itself; `closes_at` is when silence closes the case."""
    return CustomerAsked(
        ticket_id=case.ticket.ticket_id, question=question.text, reminder=reminder, closes_at=closes_at
    )


def resolved(
    case: OpenedCase, outcome: Outcome, statements: tuple[str, ...], receipt: CreditReceipt | None
) -> DisputeResolved:
    """Names the money of the receipt, and none without one, whatever was proposed."""
    return DisputeResolved(
        ticket_id=case.ticket.ticket_id,
        invoice_number=case.invoice_number or "",
        resolution=outcome.resolution,
        credit=receipt.amount if receipt else None,
        goodwill=outcome.goodwill,
        issue=ISSUES[case.ticket.category],
        summary=outcome.reason,
        findings=statements,
        credit_note_number=receipt.credit_note_number if receipt else None,
        corrected_invoice_number=receipt.corrected_invoice_number if receipt else None,
    )


def closed(case: OpenedCase, ending: Ending) -> DisputeClosed:
    """For endings that decide nothing about money; says what is wrong with a ticket that was not accepted."""
    return DisputeClosed(
        ticket_id=case.ticket.ticket_id,
        ending=ending.value,
        explanation=" ".join(case.problems) or _CLOSED_BECAUSE.get(ending, ""),
        other_ticket_id=case.duplicate_of.removeprefix("dispute/") if case.duplicate_of else None,
    )


def escalated(case: OpenedCase) -> CaseEscalated:
    """Every reason, and the other cases of a pattern with where they stand."""
    return CaseEscalated(
        case_id=case.case_id,
        tenant_id=case.ticket.tenant_id,
        severity=case.severity,
        category=case.ticket.category,
        disputed=case.ticket.disputed,
        reasons=(*case.escalation_reasons, *_pattern(case)),
    )


def _pattern(case: OpenedCase) -> tuple[str, ...]:
    if not case.pattern:
        return ()
    others = [f"{one.case_id} ({one.tenant_id}, {_stands(one)})" for one in case.pattern]
    return (f"The same was contested in {listed(others)}.",)


def _stands(other: SimilarCase) -> str:
    if other.ending:
        return other.ending.value
    return "escalated with this one" if other.calm else "escalated before"


def approval_requested(
    case: OpenedCase, proposal: Proposal, statements: tuple[str, ...], pending: PendingApproval, reminder: int
) -> ApprovalRequested:
    """With what the tenant was credited lately, which counts against limits; `reminder` 0 is the first asking."""
    return ApprovalRequested(
        approval_id=pending.approval_id,
        case_id=case.case_id,
        tenant_id=case.ticket.tenant_id,
        role=pending.role,
        amount=proposal.request.amount,
        recently_credited=proposal.recently_credited,
        question=pending.question,
        findings=statements,
        requested_by=proposal.request.requested_by,
        expires_at=pending.expires_at,
        reminder=reminder,
    )


def judgement_needed(case: OpenedCase, why: str, statements: tuple[str, ...], reminder: int) -> JudgementNeeded:
    """`why` is what the runbook may not decide by itself; `reminder` 0 is the first asking."""
    return JudgementNeeded(
        case_id=case.case_id,
        tenant_id=case.ticket.tenant_id,
        disputed=case.ticket.disputed,
        why=why,
        findings=statements,
        reminder=reminder,
    )


def sla_alert(
    case: OpenedCase, dues: Mapping[str, datetime], *, breached: bool, stage: Stage, next_step: str
) -> SlaAlert:
    """One letter about every clock in `dues`, by name with the moment its budget is used up; the most urgent leads."""
    (clock, due), *others = sorted(dues.items(), key=lambda one: one[1])
    return SlaAlert(
        case_id=case.case_id,
        tenant_id=case.ticket.tenant_id,
        clock=clock,
        breached=breached,
        due=due,
        also=tuple(f"{name}, due {moment:%Y-%m-%d %H:%M} UTC" for name, moment in others),
        stage=stage.value,
        next_step=next_step,
    )


def handed_over(case: OpenedCase, step: str, what_happened: str) -> HandedOver:
    """`what_happened` as the step said it, without secrets; `step` is what it was to do."""
    return HandedOver(
        case_id=case.case_id,
        step=step,
        what_happened=what_happened,
        what_to_do="Repair the cause, then let the case try again or judge it anew.",
    )


def digest(payload: Payload) -> str:
    """Tells letters of one name apart by their words: the same words are the same letter."""
    return sha256_of(payload.model_dump(mode="json"))[:10]


def question_for(case: OpenedCase, outcome: Outcome) -> str:
    """What an approver is asked, in one sentence."""
    kind = "a goodwill credit" if outcome.goodwill else "a credit"
    return (
        f"May {case.ticket.tenant_id} get {kind} of {outcome.credit} on {case.invoice_number or 'the next invoice'} "
        f"({in_words(outcome.resolution)})? {outcome.reason}"
    )


def ticket_note(outcome: Outcome, receipt: CreditReceipt | None) -> str:
    """What support reads in the ticket: root cause, credit reference, prevention (C7)."""
    reference = f"{receipt.amount}, {receipt.credit_id} ({receipt.provider_id})" if receipt else "none"
    shared = "Engineering was asked to find the common cause." if Role.ENGINEERING in outcome.path else ""
    prevention = shared or "The same finding at another customer within the month would be recognised as a pattern."
    return f"Root cause: {outcome.reason}\nCredit: {reference}\nPrevention: {prevention}"
