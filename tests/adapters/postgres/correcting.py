"""Corrections of one company's invoices, from the order to the record: the verbs over the real books and a provider."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from activities.invoice_correction import (
    CorrectionStep,
    InvoiceCorrections,
    OpenedCorrection,
    ProposalOfCorrection,
)
from activities.invoice_correction_ports import ClosingCorrection
from activities.ports import PaymentProvider
from adapters.postgres.invoice_corrections import PostgresCorrections
from billing.authority import Role
from billing.cases import DecisionReceipt, PendingApproval
from billing.failures import BillingFailure, FailureCode
from billing.invoice_corrections import DONE, CorrectionOrder, CorrectionReceipt, CorrectionStory, Deed, Ending, Stage
from billing.money import Money
from tests.adapters.postgres.company import Company
from tests.fakes.provider import FakeProvider

BY = "finance-1@ops.example"


class Correcting:
    """A company that corrects its invoices; finance orders, the VP approves unless a test says otherwise."""

    def __init__(self, company: Company, provider: PaymentProvider | None = None) -> None:
        self.company = company
        self.fake = FakeProvider()
        self.book = PostgresCorrections(company.engine, company.clock)
        self.verbs = InvoiceCorrections(
            self.book,
            company.credits,
            company.invoices,
            company.tenants,
            company.effects,
            provider or self.fake,
            company.operators,
            company.policies,
            company.clock,
        )

    def opened(self, deed: Deed = Deed.CREDIT, occasion: str = "k-1", **ordered: Any) -> OpenedCorrection:
        return self.verbs.open(order(deed, occasion, **ordered))

    def proposed(self, opened: OpenedCorrection, revision: int = 1) -> ProposalOfCorrection:
        return self.verbs.propose(CorrectionStep(opened=opened, revision=revision))

    def asked(self, proposal: ProposalOfCorrection) -> PendingApproval:
        company = self.company
        expires = company.now + timedelta(days=5)
        return company.approvals.ask(proposal.op_key, 1, proposal.path[0], "May it be?", company.now, expires)

    def approved(self, proposal: ProposalOfCorrection, by: Role = Role.VP) -> DecisionReceipt:
        return self.company.answer(self.asked(proposal), by)

    def ready(self, deed: Deed = Deed.CREDIT, occasion: str = "k-1", **ordered: Any) -> str:
        """The key of a proposal that may be carried out."""
        proposal = self.proposed(self.opened(deed, occasion, **ordered))
        assert self.approved(proposal).accepted
        return proposal.op_key

    def carried_out(self, deed: Deed = Deed.CREDIT, occasion: str = "k-1", **ordered: Any) -> CorrectionReceipt:
        return self.verbs.carry_out(self.ready(deed, occasion, **ordered))

    def closing(
        self, ordered: CorrectionOrder, receipt: CorrectionReceipt | None, ending: Ending | None = None
    ) -> ClosingCorrection:
        ending = ending or DONE[ordered.deed]
        story = CorrectionStory(
            case_id=ordered.case_id,
            deed=ordered.deed,
            number=ordered.invoice,
            tenant_id="acme",
            stage=Stage.CLOSED,
            next_step="nothing",
            needs_human=False,
            receipt=receipt,
            ending=ending,
        )
        return ClosingCorrection(
            case_id=ordered.case_id, ending=ending, receipt=receipt, story=story, resolved_by="vp-1@ops.example"
        )


def order(deed: Deed = Deed.CREDIT, occasion: str = "k-1", **differences: Any) -> CorrectionOrder:
    """An order about the company's invoice of 1,000.00; a credit of 40.00 unless said otherwise."""
    ordinary: dict[str, Any] = {
        "deed": deed,
        "invoice": "INV-000042",
        "reason": "calls of our own monitoring were counted",
        "requested_by": BY,
        "occasion": occasion,
    }
    if deed is Deed.CREDIT and "lines" not in differences:
        ordinary["amount"] = Money.of("40.00", "USD")
    return CorrectionOrder(**(ordinary | differences))


def refusal(act: Callable[[], object], code: FailureCode) -> str:
    """Why it is refused, with which code."""
    with pytest.raises(BillingFailure) as refused:
        act()
    assert refused.value.code is code
    return refused.value.for_us


def usd(amount: str) -> Money:
    return Money.of(amount, "USD")
