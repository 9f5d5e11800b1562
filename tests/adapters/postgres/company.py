"""Builders of the world the adapters' tests start from; only what differs from it is mentioned in a test."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, insert, text, update

from activities.ports import ProviderAnswer, Wire
from adapters import operator_keys
from adapters.policies import Policies
from adapters.postgres.approvals import Approvals
from adapters.postgres.cases import Cases
from adapters.postgres.credits import Credits
from adapters.postgres.effects import Effects
from adapters.postgres.invoices import Invoices
from adapters.postgres.operators import Operator, Operators
from adapters.postgres.tables import meters, tenants
from adapters.postgres.tenants import Tenants
from billing.authority import RUNBOOK, Role
from billing.calendars import BusinessCalendar
from billing.cases import DecisionReceipt, OpenedCase, Opening, PendingApproval, Reopening, SignedDecision, Verdict
from billing.contracts import Contract, Terms
from billing.corrections import CreditReceipt, CreditRequest, Destination, Proposal, sha256_of
from billing.disputes import Category, Requester, Resolution, Severity, Ticket, case_id
from billing.effects import EffectIntent, EffectKind
from billing.emails import CustomerAsked, DisputeAcknowledged, Letter, Recipient
from billing.findings import CorrectedLine
from billing.invoices import Invoice, InvoiceLine, InvoiceStatus
from billing.money import Money
from billing.policy.standard import STANDARD
from billing.prices import MeterPrice, PriceTier
from billing.tenants import Tenant, Tier

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ACME = Tenant(
    tenant_id="acme",
    name="Acme",
    tier=Tier.PRO,
    currency="USD",
    zone="America/New_York",
    country="US",
    billing_email="billing@acme.example",
    provider_customer_id="cus_acme",
)
API_CALLS = MeterPrice(meter="api_calls", tiers=(PriceTier(unit_amount=Decimal("0.1")),))
ORIGINAL = "INV-2026-10-acme"


class Company:
    """Every adapter over one database and one clock, and the shortest way to each situation."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.now = NOON
        self.tokens: dict[Role, str] = {}
        self.policies = Policies(engine)
        self.tenants, self.invoices, self.operators = Tenants(engine), Invoices(engine), Operators(engine)
        self.cases = Cases(engine, self.clock)
        self.effects = Effects(engine, self.policies, self.clock)
        self.credits = Credits(engine, self.clock)
        self.approvals = Approvals(engine, self.policies, self.clock)

    def clock(self) -> datetime:
        return self.now

    # -- people ------------------------------------------------------------------------------------------------------

    def operator(self, role: Role) -> str:
        return f"{role}-1@ops.example"

    def hire(self, role: Role, operator_id: str | None = None) -> str:
        """A new operator; returns the token."""
        name = operator_id or self.operator(role)
        token, public_key = operator_keys.new_token(name)
        self.operators.add(Operator(operator_id=name, name=name, email=name, role=role, public_key=public_key))
        return token

    # -- cases -------------------------------------------------------------------------------------------------------

    def open(self, ticket_id: str = "T-1", *, reopening: Reopening | None = None, **changes: Any) -> OpenedCase:
        opening = Opening(ticket=ticket(ticket_id, **changes), reopening=reopening)
        return self.cases.register(opened(opening), opening)

    # -- credits -----------------------------------------------------------------------------------------------------

    def propose(self, amount: str = "40.00", step: str = "r1.1", path: Sequence[Role] = (), **changes: Any) -> Proposal:
        """Propose a credit as the runbook would; opens its case when there is none."""
        request = credit_request(amount, step, **changes)
        self.open(request.ticket_id, meters=(f"meter_{request.ticket_id.lower().replace('-', '_')}",))
        recently = self.recently_credited(request.tenant_id, request.amount.currency)
        return self.credits.propose(request, path, recently, STANDARD)

    def recently_credited(self, tenant_id: str = "acme", currency: str = "USD") -> Money | None:
        return self.credits.recently_credited(tenant_id, currency, STANDARD.credits)

    def send(self, op_key: str) -> None:
        self.effects.claim(op_key)
        self.effects.freeze(op_key, Wire(call="credit", params={"amount": 1}), self.now)

    def credit(self, amount: str = "40.00", step: str = "r1.1", **changes: Any) -> CreditReceipt:
        """Propose, send and book a credit that needs nobody's approval."""
        op_key = self.propose(amount, step, **changes).request.op_key
        self.send(op_key)
        return self.credits.book(op_key, ProviderAnswer(provider_id=f"cn_{op_key}"))

    def was_billed_in(self, currency: str, credited: str) -> None:
        """Until a moment ago the tenant was billed in another currency, and was given something back in it."""
        self.bill_in(currency)
        old = invoice(invoice_id="INV-old", number="INV-000007", period="2026-09", currency=currency)
        self.invoices.issue(old)
        proposal = self.propose(credited, ticket_id="T-0", currency=currency, invoice_id="INV-old", period="2026-09")
        op_key = proposal.request.op_key
        self.effects.freeze(op_key, Wire(call="credit", params={"amount": 1}), self.now)
        self.credits.book(op_key, ProviderAnswer(provider_id=f"cn_{op_key}"))
        self.bill_in("USD")

    def bill_in(self, currency: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(update(tenants).values(currency=currency))

    def tenant(self, tenant_id: str) -> Tenant:
        tenant = self.tenants.find(tenant_id)
        assert tenant is not None
        return tenant

    # -- approvals ---------------------------------------------------------------------------------------------------

    def ask(self, proposal: Proposal, position: int = 1) -> PendingApproval:
        role = proposal.path[position - 1]
        expires = self.now + timedelta(days=5)
        return self.approvals.ask(proposal.request.op_key, position, role, "Give it back?", self.now, expires)

    def answer(
        self, asked: PendingApproval, role: Role, verdict: Verdict = Verdict.APPROVE, **changes: Any
    ) -> DecisionReceipt:
        return self.approvals.decide(self.signed(asked, role, verdict, **changes))

    def signed(
        self,
        asked: PendingApproval,
        role: Role,
        verdict: Verdict = Verdict.APPROVE,
        *,
        token: str | None = None,
        **changes: Any,
    ) -> SignedDecision:
        token = token or self.tokens[role]
        fields: dict[str, Any] = {
            "approval_id": asked.approval_id,
            "request_sha256": asked.request_sha256,
            "verdict": verdict,
            "operator_id": operator_keys.operator_of(token),
            "reason": "looked at it",
            "decided_at": self.now,
        }
        return operator_keys.sign(SignedDecision(**(fields | changes)), token)

    # -- what is in the database -------------------------------------------------------------------------------------

    def rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(statement), values).mappings()]

    def run(self, statement: str) -> None:
        """SQL as somebody with full rights would type it."""
        with self.engine.begin() as connection:
            connection.execute(text(statement))


def found(engine: Engine) -> Company:
    company = Company(engine)
    with engine.begin() as connection:
        connection.execute(insert(tenants).values(ACME.model_dump(mode="json")))
        connection.execute(insert(meters).values(meter="api_calls", unit="call", description="Calls of the API"))
    company.tenants.agree(contract())
    company.invoices.issue(invoice())
    company.tokens = {role: company.hire(role) for role in Role}
    return company


def contract(**changes: Any) -> Contract:
    fields: dict[str, Any] = {
        "contract_id": "C-acme-1",
        "tenant_id": "acme",
        "starts": datetime(2026, 1, 1, 5, tzinfo=UTC),
        "terms": Terms(currency="USD", prices=(API_CALLS,)),
    }
    return Contract(**(fields | changes))


def invoice(total_minor: int = 1_000_00, **changes: Any) -> Invoice:
    fields: dict[str, Any] = {
        "invoice_id": ORIGINAL,
        "number": "INV-000042",
        "tenant_id": "acme",
        "period": "2026-10",
        "status": InvoiceStatus.OPEN,
        "currency": "USD",
        "lines": (
            InvoiceLine(number=1, description="Base fee", quantity=Decimal(1), amount_minor=100_00),
            InvoiceLine(
                number=2,
                description="API calls",
                meter="api_calls",
                quantity=Decimal(900_000),
                amount_minor=total_minor - 100_00,
                applied_price=API_CALLS,
            ),
        ),
        "total_minor": total_minor,
        "issued_at": datetime(2026, 11, 1, 9, tzinfo=UTC),
        "provider_invoice_id": "in_42",
    }
    return Invoice(**(fields | changes))


def ticket(ticket_id: str = "T-1", **changes: Any) -> Ticket:
    fields: dict[str, Any] = {
        "ticket_id": ticket_id,
        "tenant_id": "acme",
        "period": "2026-10",
        "meters": ("api_calls",),
        "category": Category.USAGE_CALCULATION,
        "claimed_amount": "900.00",
        "billed_amount": "1000.00",
        "currency": "USD",
        "requester": Requester(name="Accounts payable", email="ap@acme.example"),
        "opened_at": NOON,
    }
    return Ticket(**(fields | changes))


def opened(opening: Opening, **changes: Any) -> OpenedCase:
    """The case as intake read it."""
    fields: dict[str, Any] = {
        "case_id": case_id(opening.ticket.ticket_id),
        "round": 1,
        "ticket": opening.ticket,
        "tenant": ACME,
        "invoice_id": ORIGINAL,
        "invoice_number": "INV-000042",
        "severity": Severity.NORMAL,
        "escalation_reasons": (),
        "policy": STANDARD,
        "calendar": BusinessCalendar.without_holidays("UTC"),
    }
    return OpenedCase(**(fields | changes))


def corrected_line(credit_minor: int) -> CorrectedLine:
    """The API calls line with `credit_minor` too much, at 0.1 cents a call."""
    return CorrectedLine(
        line_number=2,
        meter="api_calls",
        billed_quantity=Decimal(900_000),
        correct_quantity=Decimal(900_000) - credit_minor * 10,
        billed_minor=900_00,
        correct_minor=900_00 - credit_minor,
    )


def credit_request(amount: str = "40.00", step: str = "r1.1", ticket_id: str = "T-1", **changes: Any) -> CreditRequest:
    money = Money.of(amount, changes.pop("currency", "USD"))
    fields: dict[str, Any] = {
        "op_key": f"{case_id(ticket_id)}/credit/{step}",
        "case_id": case_id(ticket_id),
        "ticket_id": ticket_id,
        "step": step,
        "tenant_id": "acme",
        "period": "2026-10",
        "invoice_id": ORIGINAL,
        "amount": money,
        "destination": Destination.CREDIT_NOTE,
        "category": Category.USAGE_CALCULATION,
        "resolution": Resolution.CUSTOMER_CORRECT,
        "reason": "Usage dispute resolution - events were counted twice",
        "requested_by": RUNBOOK,
        "lines": (corrected_line(money.minor),) if money.minor <= 900_00 else (),
    }
    return CreditRequest(**(fields | changes))


def letter(op_key: str = "dispute/T-1/letter/r1/acknowledged", *, at_most_once: bool = False) -> Letter:
    acknowledged = DisputeAcknowledged(
        ticket_id="T-1", invoice_number="INV-000042", expected_resolution="5 business days", update_every_hours=48
    )
    asked = CustomerAsked(ticket_id="T-1", question="Which key?", closes_at=NOON)
    return Letter(
        op_key=op_key,
        case_id="dispute/T-1",
        tenant_id="acme",
        to=Recipient(email="ap@acme.example"),
        payload=asked if at_most_once else acknowledged,
    )


def letter_intent(letter: Letter) -> EffectIntent:
    request = letter.model_dump(mode="json")
    return EffectIntent(
        op_key=letter.op_key,
        kind=EffectKind.LETTER,
        case_id=letter.case_id,
        tenant_id=letter.tenant_id,
        request=request,
        request_sha256=sha256_of(request),
    )
