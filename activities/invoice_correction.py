"""The verbs of an invoice correction: open it, propose a frozen effect, carry it out once, tell the customer, close it."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict
from temporalio import activity

from activities.clock import Now
from activities.effects import Sender, send_once
from activities.investigation import contract_for
from activities.invoice_correction_ports import ClosingCorrection, CorrectionBook
from activities.ports import (
    CreditBook,
    EffectLedger,
    InvoiceArchive,
    OperatorDirectory,
    PaymentProvider,
    PolicyShelf,
    ProviderAnswer,
    TenantDirectory,
    Wire,
)
from billing import correction_preview
from billing import invoice_correction_rules as rules
from billing.authority import MAY_CORRECT_INVOICES, Role, level_for
from billing.contracts import Contract
from billing.corrections import CreditRequest
from billing.effects import Effect, EffectKind
from billing.failures import BillingFailure, FailureCode
from billing.invoice_correction_lines import doubts
from billing.invoice_corrections import (
    CorrectionOrder,
    CorrectionReceipt,
    Deed,
    InvoiceStanding,
    Preview,
    StatusChange,
)
from billing.invoices import Invoice
from billing.money import Money
from billing.policy.bundle import Policy
from billing.tenants import Tenant


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class OpenedCorrection(_Record):
    """What opening one read once and for all: the newest revision of the document and the policy in force. `refused` says
    why it is not accepted; ids are empty where the books know no such document."""

    order: CorrectionOrder
    invoice_id: str
    number: str
    tenant_id: str
    period: str
    policy: Policy
    refused: str | None = None


class CorrectionStep(_Record):
    """One proposal of a correction; `revision` counts them from 1."""

    opened: OpenedCorrection
    revision: int


class ProposalOfCorrection(_Record):
    """What people on `path` are asked to approve: the frozen effect under `op_key`, and what it will do, in sentences and
    in figures.

    `recently_credited` None: the tenant's earlier credits are in a currency without a planning rate.
    """

    op_key: str
    amount: Money
    path: tuple[Role, ...]
    statements: tuple[str, ...]
    preview: Preview
    recently_credited: Money | None = None


@dataclass(frozen=True)
class InvoiceCorrections:
    """The verbs over the book of corrections; only `carry_out` moves any money, on the payments lane."""

    book: CorrectionBook
    credits: CreditBook
    invoices: InvoiceArchive
    tenants: TenantDirectory
    effects: EffectLedger
    provider: PaymentProvider
    operators: OperatorDirectory
    policies: PolicyShelf
    now: Now

    @activity.defn(name="open_correction", no_thread_cancel_exception=True)
    def open(self, order: CorrectionOrder) -> OpenedCorrection:
        """Put it on record and read what it is about; the same order again finds the same one."""
        self.book.open(order, self.now())
        named = self.book.document(order.invoice)
        newest = self.book.newest(named.invoice_id) if named else None
        tenant = self.tenants.find(newest.tenant_id) if newest else None
        role = self.operators.role_of(order.requested_by)
        return OpenedCorrection(
            order=order,
            invoice_id=newest.invoice_id if newest else "",
            number=newest.number if newest else order.invoice,
            tenant_id=newest.tenant_id if newest else "",
            period=newest.period if newest else "",
            policy=self.policies.in_force(tenant),
            refused=rules.not_accepted(order, named, newest, may_order=role in MAY_CORRECT_INVOICES),
        )

    @activity.defn(name="propose_correction", no_thread_cancel_exception=True)
    def propose(self, step: CorrectionStep) -> ProposalOfCorrection:
        """Freeze what will be done with the people who must approve it; the same revision proposes the same again.

        Raises INVALID, with what to do instead, when it cannot be done as the invoice stands now.
        """
        order, invoice = step.opened.order, self.book.newest(step.opened.invoice_id)
        before = order.op_key(step.revision - 1)
        if self.book.proposed(before):
            self.credits.withdraw(before, f"replaced by {order.op_key(step.revision)}")
        standing = self.provider.standing(invoice)
        try:
            if order.deed is Deed.CREDIT:
                return self._propose_credit(step, invoice, standing)
            return self._propose_change(step, invoice, standing)
        except BillingFailure as failure:
            if failure.code is not FailureCode.CONFLICT:
                raise
            raise BillingFailure(FailureCode.INVALID, failure.for_us) from failure

    @activity.defn(name="carry_out_correction", no_thread_cancel_exception=True)
    def carry_out(self, op_key: str) -> CorrectionReceipt:
        """Send what was approved to the provider once and book it in the same breath.

        Raises STALE_DECISION when it cannot be done any more as it was approved: propose again.
        """
        effect = self.book.proposed(op_key)
        if effect is None:
            raise BillingFailure(FailureCode.NOT_FOUND, f"there is no proposal {op_key}")
        sender = Sender(plan=self._plan, send=self.provider.send, find=self.provider.find)
        return send_once(self.effects, op_key, sender, lambda answer: self._book(effect, answer), self.now())

    @activity.defn(name="close_correction", no_thread_cancel_exception=True)
    def close(self, closing: ClosingCorrection) -> None:
        """Put its end on record: register, correction, remark and decision in one transaction (C7, D8, D13)."""
        self.book.close(closing)

    def _propose_credit(
        self, step: CorrectionStep, invoice: Invoice, standing: InvoiceStanding
    ) -> ProposalOfCorrection:
        policy = step.opened.policy
        frozen = self.book.proposed(step.opened.order.op_key(step.revision))
        contract = self._contract(step, invoice)
        request = (
            CreditRequest.model_validate(frozen.request) if frozen else self._request(step, invoice, contract, standing)
        )
        recently = self.credits.recently_credited(invoice.tenant_id, invoice.currency, policy.credits)
        proposal = self.credits.propose(request, _path(request.amount, recently, policy), recently, policy)
        return ProposalOfCorrection(
            op_key=request.op_key,
            amount=request.amount,
            path=proposal.path,
            statements=rules.credit_in_words(request, invoice, standing)
            + (doubts(invoice, contract) if contract else ()),
            preview=correction_preview.of_credit(request, standing),
            recently_credited=proposal.recently_credited,
        )

    def _contract(self, step: CorrectionStep, invoice: Invoice) -> Contract | None:
        """What lines are rated again with."""
        if not step.opened.order.lines:
            return None
        return contract_for(self.tenants, self._tenant(invoice.tenant_id), invoice.period)

    def _request(
        self, step: CorrectionStep, invoice: Invoice, contract: Contract | None, standing: InvoiceStanding
    ) -> CreditRequest:
        order = step.opened.order
        if order.lines and invoice.invoice_id != step.opened.invoice_id:
            raise BillingFailure(
                FailureCode.INVALID,
                f"invoice {step.opened.number} was corrected meanwhile: order the lines of its newest revision "
                f"{invoice.number}",
            )
        left = invoice.total - self.credits.already_credited(invoice.invoice_id)
        return rules.credit_request(order, step.revision, invoice, contract, standing, left, step.opened.policy.credits)

    def _propose_change(
        self, step: CorrectionStep, invoice: Invoice, standing: InvoiceStanding
    ) -> ProposalOfCorrection:
        order, policy = step.opened.order, step.opened.policy
        frozen = self.book.proposed(order.op_key(step.revision))
        change = (
            StatusChange.model_validate(frozen.request)
            if frozen
            else rules.status_change(order, step.revision, invoice, standing)
        )
        recently = self.credits.recently_credited(invoice.tenant_id, invoice.currency, policy.credits)
        path = self.book.propose(change, _path(change.amount, recently, policy), recently, policy)
        return ProposalOfCorrection(
            op_key=change.op_key,
            amount=change.amount,
            path=path,
            statements=rules.change_in_words(change, invoice),
            preview=correction_preview.of_change(change, invoice, standing),
            recently_credited=recently,
        )

    def _plan(self, effect: Effect) -> Wire:
        if effect.kind is EffectKind.CREDIT:
            request = CreditRequest.model_validate(effect.request)
            invoice = self.invoices.get(request.invoice_id)
            return self.provider.plan_credit(effect, request, invoice, self._tenant(request.tenant_id))
        change = StatusChange.model_validate(effect.request)
        invoice = self.invoices.get(change.invoice_id)
        # Planned again after a refusal it stays as it was: what was sent is refused for good, and a person looks.
        why = rules.objection(change.deed, invoice, self.provider.standing(invoice)) if effect.wire is None else None
        if why:
            raise BillingFailure(FailureCode.STALE_DECISION, why)
        return self.provider.plan_change(change, invoice)

    def _book(self, effect: Effect, answer: ProviderAnswer) -> CorrectionReceipt:
        if effect.kind is EffectKind.CREDIT:
            request = CreditRequest.model_validate(effect.request)
            return rules.receipt_of_credit(request, self.credits.book(effect.op_key, answer), answer.kept)
        return self.book.confirm(effect.op_key, answer)

    def _tenant(self, tenant_id: str) -> Tenant:
        tenant = self.tenants.find(tenant_id)
        if tenant is None:
            raise BillingFailure(FailureCode.NOT_FOUND, f"tenant {tenant_id} is not in the books")
        return tenant


def _path(amount: Money, recently: Money | None, policy: Policy) -> tuple[Role, ...]:
    """Always a second person, on the rung that the tenant's credits need together with this one (C8)."""
    return (level_for(None if recently is None else amount + recently, policy.credits),)
