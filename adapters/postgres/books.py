"""The books as people read them: every adapter that lists and looks up, over one engine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sqlalchemy import Engine, text

from adapters.document_files import DocumentFiles
from adapters.policies import Policies
from adapters.postgres.accounts import Accounts
from adapters.postgres.approvals import Approvals
from adapters.postgres.billing_runs import PostgresBillingRuns
from adapters.postgres.case_evidence import CaseEvidence
from adapters.postgres.case_list import CaseList
from adapters.postgres.decisions import DecisionLog
from adapters.postgres.delinquencies import PostgresDelinquencies
from adapters.postgres.engine import transaction
from adapters.postgres.holds import PostgresHolds
from adapters.postgres.invoice_corrections import PostgresCorrections
from adapters.postgres.invoice_view import InvoiceView
from adapters.postgres.invoices import Invoices
from adapters.postgres.operators import Operators
from adapters.postgres.press import Press
from adapters.postgres.provider_events import ProviderEvents
from adapters.postgres.receivables import PostgresReceivables
from adapters.postgres.reconciliation import PostgresReconciliations
from adapters.postgres.restrictions import PostgresRestrictions
from adapters.postgres.retention.shelf import PlanShelf
from adapters.postgres.sent_mail import SentMail
from adapters.postgres.tenants import Tenants
from adapters.postgres.usage_register import PostgresUsageRegister
from adapters.postgres.usage_view import UsageView
from billing.failures import BillingFailure

_DOCUMENTS = Path(".runbooks") / "documents"


@dataclass(frozen=True)
class Books:
    """Every method of every part raises BillingFailure(UNAVAILABLE) while the database is away."""

    engine: Engine
    accounts: Accounts
    tenants: Tenants
    invoices: Invoices
    documents: InvoiceView
    cases: CaseList
    approvals: Approvals
    operators: Operators
    decisions: DecisionLog
    mail: SentMail
    evidence: CaseEvidence
    usage: UsageView
    runs: PostgresBillingRuns
    holds: PostgresHolds
    press: Press
    reconciliations: PostgresReconciliations
    corrections: PostgresCorrections
    receivables: PostgresReceivables
    retention: PlanShelf
    restrictions: PostgresRestrictions
    usage_register: PostgresUsageRegister
    provider_events: ProviderEvents
    delinquencies: PostgresDelinquencies

    @classmethod
    def over(cls, engine: Engine, *, speed: int = 1, documents: Path = _DOCUMENTS) -> Self:
        """The books over an engine; `speed` divides the policy's durations, `documents` is where PDFs are kept."""
        return cls(
            engine=engine,
            accounts=Accounts(engine),
            tenants=Tenants(engine),
            invoices=Invoices(engine),
            documents=InvoiceView(engine),
            cases=CaseList(engine),
            approvals=Approvals(engine, Policies(engine, speed)),
            operators=Operators(engine),
            decisions=DecisionLog(engine),
            mail=SentMail(engine),
            evidence=CaseEvidence(engine),
            usage=UsageView(engine),
            runs=PostgresBillingRuns(engine),
            holds=PostgresHolds(engine),
            press=Press(engine, DocumentFiles(documents)),
            reconciliations=PostgresReconciliations(engine),
            corrections=PostgresCorrections(engine),
            receivables=PostgresReceivables(engine),
            retention=PlanShelf(engine, DocumentFiles(documents)),
            restrictions=PostgresRestrictions(engine),
            usage_register=PostgresUsageRegister(engine),
            provider_events=ProviderEvents(engine),
            delinquencies=PostgresDelinquencies(engine),
        )

    def answer(self) -> bool:
        """Whether the database takes a question now."""
        try:
            with transaction(self.engine) as connection:
                connection.execute(text("select 1"))
        except BillingFailure:
            return False
        return True

    def close(self) -> None:
        """Give the database's connections back."""
        self.engine.dispose()
