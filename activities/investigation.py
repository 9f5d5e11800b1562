"""Investigating a dispute: collect the evidence, analyse it by category, and assess what the customer overpaid."""

from dataclasses import dataclass
from datetime import timedelta

from pydantic import BaseModel, ConfigDict
from temporalio import activity

from activities.ports import CreditBook, DisputeScope, EvidenceRoom, InvoiceArchive, TenantDirectory
from billing.analysis import analyse
from billing.cases import OpenedCase
from billing.contracts import Contract
from billing.evidence import EvidencePack
from billing.failures import BillingFailure, FailureCode
from billing.findings import Assessment
from billing.money import Money
from billing.rerating import assess
from billing.tenants import Tenant


class Evidence(BaseModel):
    """A case and the evidence collected for it."""

    model_config = ConfigDict(frozen=True)

    case: OpenedCase
    evidence_id: str


class AssessmentSummary(BaseModel):
    """What the runbook needs to know of an assessment; the findings themselves stay in the database."""

    model_config = ConfigDict(frozen=True)

    assessment_id: str
    credit: Money
    conclusive: bool
    statements: tuple[str, ...]


@dataclass(frozen=True)
class Investigation:
    """The verbs from the raw usage to what the customer overpaid; none of them moves money."""

    evidence: EvidenceRoom
    tenants: TenantDirectory
    invoices: InvoiceArchive
    credits: CreditBook

    @activity.defn(name="collect_evidence", no_thread_cancel_exception=True)
    def collect(self, case: OpenedCase) -> EvidencePack:
        """Export the raw usage and gather the category's facts; a repeated collection of a round is the first one (D4)."""
        return self.evidence.collect(scope_of(case), case.policy, activity.heartbeat)

    @activity.defn(name="analyse_evidence", no_thread_cancel_exception=True)
    def analyse(self, evidence: Evidence) -> AssessmentSummary:
        """Turn the facts into findings and re-rate the period with and without them (D5, D6)."""
        case = evidence.case
        assessment = self._assess(case, evidence.evidence_id)
        assessment_id = self.evidence.record_assessment(scope_of(case), evidence.evidence_id, assessment)
        return AssessmentSummary(
            assessment_id=assessment_id,
            credit=assessment.credit,
            conclusive=assessment.conclusive,
            statements=tuple(finding.statement for finding in assessment.findings),
        )

    def _assess(self, case: OpenedCase, evidence_id: str) -> Assessment:
        scope = scope_of(case)
        invoice = self.invoices.get(scope.invoice_id)
        contract = contract_for(self.tenants, scope.tenant, scope.period)
        if contract.currency != invoice.currency:
            raise BillingFailure(
                FailureCode.INVALID,
                f"contract {contract.contract_id} is in {contract.currency}, invoice {invoice.number} in "
                f"{invoice.currency}: correct the contract, then try again",
            )
        facts = self.evidence.facts(evidence_id)
        findings = analyse(scope.category, facts, invoice, contract, scope.meters, scope.tenant.tier, case.policy)
        return assess(
            findings,
            invoice,
            contract,
            already_credited=self.credits.already_credited(scope.invoice_id),
            disputed=case.ticket.disputed,
        )


def contract_for(directory: TenantDirectory, tenant: Tenant, period: str) -> Contract:
    """The contract whose discounts and tax the bill of a period has: the one at its end, else the one it began with.

    Raises NOT_FOUND when neither is on record.
    """
    span = tenant.service_period(period)
    for moment in (span.end - timedelta(microseconds=1), span.start):
        if contract := directory.contract(tenant.tenant_id, moment):
            return contract
    raise BillingFailure(
        FailureCode.NOT_FOUND, f"tenant {tenant.tenant_id} has no contract for {period}: record one, then try again"
    )


def scope_of(case: OpenedCase) -> DisputeScope:
    """What the case contests; raises INVALID for a case that was not accepted."""
    if case.tenant is None or case.invoice_id is None:
        raise BillingFailure(
            FailureCode.INVALID, f"{case.case_id} has no tenant or no invoice and cannot be investigated"
        )
    return DisputeScope(
        case_id=case.case_id,
        round=case.round,
        tenant=case.tenant,
        invoice_id=case.invoice_id,
        period=case.ticket.period,
        meters=case.ticket.meters,
        category=case.ticket.category,
    )
