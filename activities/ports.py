"""The ports: what activities need from the outside world, in our own words; adapters satisfy them.

Every method may be repeated after a crash with the same arguments and then answers as it did the first time. A port
raises `billing.failures.BillingFailure` and nothing else that a caller should handle; all times are aware and UTC.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from billing.authority import Role
from billing.calendars import BusinessCalendar
from billing.cases import (
    DecisionReceipt,
    Ending,
    OpenedCase,
    Opening,
    PendingApproval,
    SignedDecision,
    SimilarCase,
)
from billing.clocks import Clock
from billing.contracts import Contract
from billing.corrections import CreditReceipt, CreditRequest, Proposal
from billing.decisions import DisputeDecision
from billing.disputes import Category, Resolution
from billing.effects import Effect, EffectIntent
from billing.emails import Letter, Recipient
from billing.evidence import EvidencePack, UsageFacts
from billing.findings import Assessment
from billing.invoice_corrections import InvoiceStanding, StatusChange
from billing.invoices import Invoice
from billing.money import Money
from billing.policy.bundle import Policy
from billing.policy.credits import CreditPolicy
from billing.policy.month_end import MonthEndPolicy
from billing.policy.provider_events import ProviderEventsPolicy
from billing.policy.reconciliation import ReconciliationPolicy
from billing.policy.retention import RetentionPolicy
from billing.tenants import Tenant

# Called with a short note of progress now and then during long work.
Heartbeat = Callable[[str], None]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class DisputeScope(_Record):
    """What is contested, in the words queries need: half-open period in the tenant's zone, sorted meters."""

    case_id: str
    round: int
    tenant: Tenant
    invoice_id: str
    period: str
    meters: tuple[str, ...]
    category: Category


class Closing(_Record):
    """How a round of a case ended, with the clocks as they stood and the story as it was told.

    `decision` is logged in the same transaction; None for endings that decide nothing about money.
    """

    case_id: str
    round: int
    ending: Ending
    resolution: Resolution | None
    credited: Money | None
    resolved_by: str
    root_cause: str
    clocks: tuple[Clock, ...]
    story: tuple[str, ...]
    decision: DisputeDecision | None


class Wire(_Record):
    """A provider request ready to be frozen: which call, with exactly which parameters."""

    call: str
    params: dict[str, Any]


class ProviderAnswer(_Record):
    """A provider's confirmation: its object's id and what of the object we keep."""

    provider_id: str
    kept: dict[str, Any] = {}


class TenantDirectory(Protocol):
    """Customers as the books know them: their contracts, and what is metered at all."""

    def find(self, tenant_id: str) -> Tenant | None:
        """The tenant, or None when the books have none by this id."""

    def contract(self, tenant_id: str, at: datetime) -> Contract | None:
        """The contract in force at a moment."""

    def known_meters(self) -> frozenset[str]:
        """Every meter there is, whoever uses it."""


class InvoiceArchive(Protocol):
    """Invoices by revision; nothing here changes one."""

    def latest(self, tenant_id: str, period: str) -> Invoice | None:
        """The newest revision of the tenant's usage invoice for a month, drafts and voided ones left out."""

    def get(self, invoice_id: str) -> Invoice:
        """Raises NOT_FOUND."""


class PolicyShelf(Protocol):
    """The numbers of the business that are in force now."""

    def in_force(self, tenant: Tenant | None) -> Policy:
        """The standard policy, or the tenant's own bundle; durations already divided by the configured speed."""

    def month_end(self) -> MonthEndPolicy:
        """The house's policy for runs, in the configured zone and at the configured speed."""

    def reconciliation(self) -> ReconciliationPolicy:
        """The house's policy for comparing invoices with the provider's, at the configured speed."""

    def retention(self) -> RetentionPolicy:
        """The house's policy for deleting for good, at the configured speed."""

    def provider_events(self) -> ProviderEventsPolicy:
        """The house's policy for trying the provider's events, at the configured speed."""


class CalendarSource(Protocol):
    """Where business days come from."""

    def calendar(self, tenant: Tenant | None, now: datetime) -> BusinessCalendar:
        """Public holidays of the tenant's country for the years around `now`; UTC without holidays when unknown."""


class CaseBook(Protocol):
    """The register of disputes: one row a ticket, one open case per tenant, period, category and meters."""

    def register(self, opened: OpenedCase, opening: Opening) -> OpenedCase:
        """Record the opening. Returns it with `round`, `clocks`, `duplicate_of` and `closed_as` as the register knows
        them; repeating it for an open round changes nothing."""

    def similar_tenants(self, opening: Opening, since: datetime) -> int:
        """Other tenants (this one included) who contested one of the same meters in the same category since then (D10)."""

    def similar_cases(self, opening: Opening, since: datetime) -> tuple[SimilarCase, ...]:
        """The same as cases, other cases of this tenant included and the opening's own left out: those that are open and
        not escalated first, then the newest, at most twenty."""

    def defect_is_shared(self, case_id: str, since: datetime) -> bool:
        """Whether findings of the same kind and meter were made for another tenant since then (D11)."""

    def close(self, closing: Closing) -> None:
        """End the round: dispute note, billing_corrections row and decision-log line in one transaction (C7, D8, D13)."""


class EvidenceRoom(Protocol):
    """Raw usage as evidence: exported files and typed facts, set-wise and in bounded memory (D4)."""

    def collect(self, scope: DisputeScope, policy: Policy, heartbeat: Heartbeat) -> EvidencePack:
        """Export, recreate the roll-up, gather the category's facts and store them; the same scope and round is reused."""

    def facts(self, evidence_id: str) -> UsageFacts:
        """Raises NOT_FOUND, and CONFLICT when the stored facts are not the ones that were collected."""

    def record_assessment(self, scope: DisputeScope, evidence_id: str, assessment: Assessment) -> str:
        """Store findings and corrected lines; returns the assessment's id. Repeating replaces nothing."""

    def assessment(self, assessment_id: str) -> Assessment:
        """Raises NOT_FOUND."""


class EffectLedger(Protocol):
    """The effects table: a row before the first send, the outcome after it."""

    def record(self, intent: EffectIntent) -> Effect:
        """Insert as `intended`, or return the row that is there; CONFLICT when it holds another request."""

    def claim(self, op_key: str) -> Effect:
        """The effect as it may be sent now. Raises NOT_APPROVED while it is proposed or withdrawn, NOT_FOUND without a
        row, and for a credit STALE_DECISION when the tenant's credits have outgrown what was approved (C8)."""

    def freeze(self, op_key: str, wire: Wire, now: datetime) -> Effect:
        """Keep the exact request and mark the effect sent, committed before anything leaves; a frozen wire stays. Raises
        PROVIDER_BUSY for an attempt to collect that has ended meanwhile: another may charge in its place."""

    def confirm(self, op_key: str, answer: ProviderAnswer) -> Effect:
        """Mark confirmed; confirming twice with the same provider id is nothing, with another one CONFLICT."""

    def refuse(self, op_key: str, why: str, *, generation: int | None = None) -> None:
        """Mark refused. `generation` is the one that was refused: PROVIDER_BUSY when the effect has moved on since."""

    def doubt(self, op_key: str, why: str) -> None:
        """Mark the outcome unknown."""

    def next_generation(self, op_key: str, *, generation: int | None = None) -> Effect:
        """After a look-up found nothing: a new key and a wire to be frozen anew. `generation` is the one that is over:
        PROVIDER_BUSY when another attempt has moved on from it, and may be sending under the next key already."""


class CreditBook(Protocol):
    """Credits, credit notes and corrected invoices, with the approvals that let them happen."""

    def recently_credited(self, tenant_id: str, currency: str, policy: CreditPolicy) -> Money | None:
        """The sum of the tenant's credits booked within the policy's window, or approved and not booked yet (C8), in one
        currency; None when one of them is in a currency that the policy cannot bring into it."""

    def already_credited(self, invoice_id: str) -> Money:
        """What has been given back for this bill without restating it (credits to the next invoice, on any revision);
        a credit note's corrected revision already shows its part. Goodwill is left out."""

    def propose(
        self, request: CreditRequest, path: Sequence[Role], recently_credited: Money | None, policy: Policy
    ) -> Proposal:
        """Freeze the request as an effect, `proposed` or, with an empty path, `intended`. The same key returns what was
        frozen first; an earlier unsent proposal of the same round is withdrawn."""

    def book(self, op_key: str, answer: ProviderAnswer) -> CreditReceipt:
        """In one transaction: effect confirmed, credit row, and for a credit note the note and the corrected revision.
        Booking twice returns the first receipt (D7, D8)."""

    def withdraw(self, op_key: str, why: str) -> bool:
        """Take an unsent proposal and its open approval back. False for one that was sent: it stays as it is."""


class ApprovalDesk(Protocol):
    """Questions to people. Every transition re-checks its rules in the database (C8, D11)."""

    def ask(
        self, op_key: str, position: int, role: Role, question: str, asked_at: datetime, expires_at: datetime
    ) -> PendingApproval:
        """Open the question at `position` of the path; the same position returns the open one."""

    def decide(self, decision: SignedDecision) -> DecisionReceipt:
        """Verify signature, operator, role, limit, hash and state in one transaction and flip the approval; with the last
        one the effect becomes `intended`. A refusal is recorded and returned, never raised. Repeating the same decision
        returns its first receipt."""

    def climb(self, approval_id: str, role: Role) -> None:
        """An unanswered question now needs the next role."""

    def expire(self, approval_id: str) -> None:
        """Silence is a no: the question and its proposal are over."""


class OperatorDirectory(Protocol):
    """The people who act on cases; inactive ones count for nothing."""

    def recipients(self, role: Role) -> list[Recipient]:
        """Every active operator of a role, by operator id."""

    def role_of(self, operator_id: str) -> Role | None:
        """The role of an active operator, or None."""


class PaymentProvider(Protocol):
    """Stripe in our words. Each call either answers or raises PROVIDER_REFUSED (final), PROVIDER_BUSY (nothing happened,
    try later), OUTCOME_UNKNOWN (it may have happened; the same key may be sent again) or KEY_SPENT (a stored 500 was
    replayed: it may have happened, and this key will never say more)."""

    def plan_credit(self, effect: Effect, request: CreditRequest, invoice: Invoice, tenant: Tenant) -> Wire:
        """Read what the invoice still owes and shape the request: pre-payment part, what goes back and which way, signs,
        metadata."""

    def standing(self, invoice: Invoice) -> InvoiceStanding:
        """Read how the document stands there now. Raises INVALID when it never reached the provider."""

    def plan_change(self, change: StatusChange, invoice: Invoice) -> Wire:
        """Shape the request that voids the document or writes it off, with its reason."""

    def send(self, wire: Wire, idempotency_key: str) -> ProviderAnswer:
        """Send a frozen request; the same key brings the same answer for as long as the provider remembers it."""

    def find(self, wire: Wire, op_key: str) -> ProviderAnswer | None:
        """Look the object up by the op_key in its metadata, by listing (search lags); a change of an invoice's status by
        the status."""


class Postman(Protocol):
    """How letters leave."""

    def deliver(self, letter: Letter) -> ProviderAnswer:
        """Render and send; answers with the Message-ID. Raises PROVIDER_REFUSED for a permanent refusal, PROVIDER_BUSY
        when nothing was accepted, OUTCOME_UNKNOWN when the connection broke after the message was handed over."""


class TicketDesk(Protocol):
    """Where the ticket came from."""

    def note(self, ticket_id: str, op_key: str, text: str) -> None:
        """Write root cause, credit reference and prevention back to the ticket (C7); the same op_key once."""
