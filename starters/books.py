"""The books as people read them: every adapter of the database behind one engine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Engine, text

from adapters.policies import Policies
from adapters.postgres.approvals import Approvals
from adapters.postgres.case_evidence import CaseEvidence
from adapters.postgres.case_list import CaseList
from adapters.postgres.decisions import DecisionLog
from adapters.postgres.engine import open_engine, transaction
from adapters.postgres.invoices import Invoices
from adapters.postgres.operators import Operators
from adapters.postgres.sent_mail import SentMail
from adapters.postgres.tenants import Tenants
from billing.failures import BillingFailure
from settings import Settings

# People wait for these answers; the long reads of an investigation have their own engine.
_READ_WITHIN = timedelta(seconds=10)


@dataclass(frozen=True)
class Books:
    """Every method of every part raises BillingFailure(UNAVAILABLE) while the database is away."""

    engine: Engine
    tenants: Tenants
    invoices: Invoices
    cases: CaseList
    approvals: Approvals
    operators: Operators
    decisions: DecisionLog
    mail: SentMail
    evidence: CaseEvidence

    def answer(self) -> bool:
        """Whether the database takes a question now."""
        try:
            with transaction(self.engine) as connection:
                connection.execute(text("select 1"))
        except BillingFailure:
            return False
        return True


def open_books(settings: Settings) -> Books:
    """Open them; nothing is connected before the first question. Raises SettingsError without a database."""
    url = settings.need("database_url").database_url
    assert url is not None  # noqa: S101 - needed above
    engine = open_engine(url.get_secret_value(), application="console", statement_timeout=_READ_WITHIN)
    return books_over(engine, speed=settings.speed)


def books_over(engine: Engine, *, speed: int = 1) -> Books:
    """The books over an engine; `speed` divides the policy's durations."""
    return Books(
        engine=engine,
        tenants=Tenants(engine),
        invoices=Invoices(engine),
        cases=CaseList(engine),
        approvals=Approvals(engine, Policies(engine, speed)),
        operators=Operators(engine),
        decisions=DecisionLog(engine),
        mail=SentMail(engine),
        evidence=CaseEvidence(engine),
    )
