"""Giving money back: propose a frozen request, send it once, book it, or take it back."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict
from temporalio import activity

from activities.clock import Now
from activities.effects import Sender, send_once
from activities.investigation import scope_of
from activities.ports import (
    CaseBook,
    CreditBook,
    EffectLedger,
    EvidenceRoom,
    InvoiceArchive,
    OperatorDirectory,
    PaymentProvider,
    ProviderAnswer,
    TenantDirectory,
    Wire,
)
from billing.authority import LADDER
from billing.cases import Judgement, OpenedCase
from billing.corrections import CreditReceipt, CreditRequest, Proposal, credit_op_key, credit_step, destination_for
from billing.effects import Effect
from billing.failures import BillingFailure, FailureCode
from billing.findings import Assessment
from billing.money import Money
from billing.proposals import Circumstances, Outcome, computed, judged, judgement_problem
from billing.tenants import Tenant


class ProposalOrder(BaseModel):
    """What a proposal rests on: the assessment, or a person's judgement in its place. `revision` counts from 1 a round."""

    model_config = ConfigDict(frozen=True)

    case: OpenedCase
    assessment_id: str
    revision: int
    escalated: bool
    judgement: Judgement | None = None


class Proposed(BaseModel):
    """The outcome, and the frozen credit request when there is money in it and nobody needs to judge first."""

    model_config = ConfigDict(frozen=True)

    outcome: Outcome
    proposal: Proposal | None
    statements: tuple[str, ...]


class Retraction(BaseModel):
    """An unsent proposal to take back, and why."""

    model_config = ConfigDict(frozen=True)

    op_key: str
    why: str


@dataclass(frozen=True)
class Credits:
    """The verbs about money; only `issue` moves any, on the payments lane."""

    evidence: EvidenceRoom
    tenants: TenantDirectory
    invoices: InvoiceArchive
    register: CaseBook
    credits: CreditBook
    effects: EffectLedger
    provider: PaymentProvider
    operators: OperatorDirectory
    now: Now

    @activity.defn(name="propose_credit", no_thread_cancel_exception=True)
    def propose(self, order: ProposalOrder) -> Proposed:
        """Decide what is proposed and freeze it with its approvals; the same revision proposes the same again (C8, D6)."""
        assessment = self.evidence.assessment(order.assessment_id)
        around = self._circumstances(order, assessment)
        outcome = self._outcome(order, assessment, around)
        statements = tuple(finding.statement for finding in assessment.findings)
        if outcome.needs_person or not outcome.credit:
            return Proposed(outcome=outcome, proposal=None, statements=statements)
        request = _request(order, outcome, assessment)
        try:
            proposal = self.credits.propose(request, outcome.path, around.recently_credited, order.case.policy)
        except BillingFailure as failure:
            if failure.code is not FailureCode.CONFLICT:
                raise
            # Other credits took the room on the invoice meanwhile: how much is fair now is a person's question.
            left_over = outcome.model_copy(update={"needs_person": failure.for_us})
            return Proposed(outcome=left_over, proposal=None, statements=statements)
        return Proposed(outcome=outcome, proposal=proposal, statements=statements)

    @activity.defn(name="check_judgement", no_thread_cancel_exception=True)
    def check(self, order: ProposalOrder) -> str | None:
        """Why the order's judgement cannot be taken, as a sentence; None when it can."""
        if order.judgement is None:
            return None
        role = self.operators.role_of(order.judgement.by)
        if role not in LADDER:
            return f"{order.judgement.by} may not judge a dispute: an active agent, lead or vp is needed"
        return judgement_problem(order.judgement, self._left_to_credit(order.case), order.case.policy.credits)

    @activity.defn(name="issue_credit", no_thread_cancel_exception=True)
    def issue(self, op_key: str) -> CreditReceipt:
        """Send an approved credit to the provider once and book it in the same breath (D7, D8, C5)."""
        sender = Sender(plan=self._plan, send=self.provider.send, find=self.provider.find)
        return send_once(self.effects, op_key, sender, lambda answer: self._book(op_key, answer), self.now())

    @activity.defn(name="withdraw_credit", no_thread_cancel_exception=True)
    def withdraw(self, retraction: Retraction) -> bool:
        """Take an unsent proposal and its open question back; False when it was sent and stays as it is."""
        return self.credits.withdraw(retraction.op_key, retraction.why)

    def _circumstances(self, order: ProposalOrder, assessment: Assessment) -> Circumstances:
        scope, policy = scope_of(order.case), order.case.policy
        return Circumstances(
            disputed=order.case.ticket.disputed,
            recently_credited=self.credits.recently_credited(
                scope.tenant.tenant_id, assessment.credit.currency, policy.credits
            ),
            escalated=order.escalated,
            executive_escalation=order.case.ticket.executive_escalation,
            systematic=assessment.systematic
            or self.register.defect_is_shared(order.case.case_id, self.now() - policy.disputes.pattern_window),
        )

    def _outcome(self, order: ProposalOrder, assessment: Assessment, around: Circumstances) -> Outcome:
        policy = order.case.policy.credits
        if order.judgement is None:
            return computed(assessment, around, policy)
        outcome = judged(order.judgement, around, policy)
        problem = judgement_problem(order.judgement, self._left_to_credit(order.case), policy)
        return outcome.model_copy(update={"needs_person": problem})

    def _left_to_credit(self, case: OpenedCase) -> Money:
        invoice_id = scope_of(case).invoice_id
        return self.invoices.get(invoice_id).total - self.credits.already_credited(invoice_id)

    def _plan(self, effect: Effect) -> Wire:
        request = CreditRequest.model_validate(effect.request)
        return self.provider.plan_credit(
            effect, request, self.invoices.get(request.invoice_id), self._tenant(request.tenant_id)
        )

    def _tenant(self, tenant_id: str) -> Tenant:
        tenant = self.tenants.find(tenant_id)
        if tenant is None:
            raise BillingFailure(FailureCode.NOT_FOUND, f"tenant {tenant_id} is not in the books")
        return tenant

    def _book(self, op_key: str, answer: ProviderAnswer) -> CreditReceipt:
        return self.credits.book(op_key, answer)


def _request(order: ProposalOrder, outcome: Outcome, assessment: Assessment) -> CreditRequest:
    scope = scope_of(order.case)
    return CreditRequest(
        op_key=credit_op_key(order.case.case_id, order.case.round, order.revision),
        case_id=order.case.case_id,
        ticket_id=order.case.ticket.ticket_id,
        step=credit_step(order.case.round, order.revision),
        tenant_id=scope.tenant.tenant_id,
        period=scope.period,
        invoice_id=scope.invoice_id,
        amount=outcome.credit,
        destination=destination_for(outcome.credit, goodwill=outcome.goodwill, policy=order.case.policy.credits),
        category=scope.category,
        resolution=outcome.resolution,
        reason=f"Usage dispute resolution - {outcome.reason}",
        requested_by=outcome.requested_by,
        lines=() if outcome.goodwill else assessment.lines,
        goodwill=outcome.goodwill,
    )
