"""One letter of every kind and variant, in three readers' locales and currencies."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

from billing.authority import Role
from billing.disputes import Category, Resolution, Severity
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
    Letter,
    Payload,
    Recipient,
    SlaAlert,
)
from billing.money import Money
from tests.emails.correction_samples import correction_payloads
from tests.emails.document_samples import document_payloads
from tests.emails.reconciliation_samples import reconciliation_payloads
from tests.emails.recovery_samples import recovery_payloads
from tests.emails.retention_samples import retention_payloads
from tests.emails.run_samples import run_payloads
from tests.emails.usage_samples import usage_payloads

READERS = {
    "en-US": Recipient(name="Billing Contact", email="billing@acme.example", locale="en-US", zone="America/New_York"),
    "de-DE": Recipient(name="Rechnungsprüfung", email="rechnung@muster.example", locale="de-DE", zone="Europe/Berlin"),
    "ja-JP": Recipient(name="経理部", email="keiri@rei.example", locale="ja-JP", zone="Asia/Tokyo"),
}
CURRENCY = {"en-US": "USD", "de-DE": "EUR", "ja-JP": "JPY"}

_DUE = datetime(2026, 11, 27, 16, 5, tzinfo=UTC)
_CASE = "dispute/T-4711"
_DUPLICATES = (
    "1,204 calls of api_calls were counted twice between 3 and 5 October.",
    "Without them you used 950,000 calls instead of 951,204.",
)


def amount(major: str, currency: str) -> Money:
    """An amount of about the same worth in each currency; yen have no decimals."""
    return Money(minor=int(major.replace(".", "")), currency=currency)


@cache
def payloads(currency: str) -> dict[str, Payload]:
    """Every template and variant by its name, amounts in `currency`."""
    return {
        **_to_customers(currency),
        **_resolutions(currency),
        **_to_operators(currency),
        **_alerts(),
        **document_payloads(currency),
        **correction_payloads(currency),
        **run_payloads(),
        **reconciliation_payloads(),
        **usage_payloads(),
        **recovery_payloads(currency),
        **retention_payloads(),
    }


def letter(payload: Payload, to: Recipient) -> Letter:
    case = getattr(payload, "case_id", "delinquency/acme/1" if hasattr(payload, "owed") else _CASE)
    return Letter(op_key=f"{case}/letter/r1/sample", case_id=case, tenant_id="acme", to=to, payload=payload)


def _to_customers(currency: str) -> dict[str, Payload]:
    question = "Which of your keys run the nightly export?\nThe key ending in 9f2c made most of the calls."
    return {
        "dispute_acknowledged": DisputeAcknowledged(
            ticket_id="T-4711",
            invoice_number="INV-2026-000123",
            expected_resolution="5 business days",
            update_every_hours=48,
        ),
        "dispute_update": DisputeUpdate(
            ticket_id="T-4711",
            invoice_number="INV-2026-000123",
            stage="waiting for approval",
            next_step="the decision of our billing lead",
            due=_DUE,
        ),
        "customer_asked": CustomerAsked(ticket_id="T-4711", question=question, closes_at=_DUE),
        "customer_asked.reminder": CustomerAsked(ticket_id="T-4711", question=question, reminder=2, closes_at=_DUE),
        "dispute_closed.unanswered": DisputeClosed(
            ticket_id="T-4711",
            ending="closed without an answer",
            explanation="We asked you a question and did not hear back, so we have closed the case.",
        ),
        "dispute_closed.duplicate": DisputeClosed(
            ticket_id="T-4712",
            ending="duplicate of an open case",
            explanation="You have already told us about this bill, and that case is still open.",
            other_ticket_id="T-4711",
        ),
    }


def _resolutions(currency: str) -> dict[str, Payload]:
    credited = DisputeResolved(
        ticket_id="T-4711",
        invoice_number="INV-2026-000123",
        resolution=Resolution.CUSTOMER_CORRECT,
        credit=amount("1234.50", currency),
        issue="the usage on your bill did not match the usage we measured",
        summary="A retry in our metering counted some of your calls twice.",
        findings=_DUPLICATES,
        credit_note_number="CN-2026-000042",
        corrected_invoice_number="INV-2026-000123-R2",
    )
    return {
        "dispute_resolved.credited": credited,
        "dispute_resolved.partial": credited.model_copy(
            update={
                "resolution": Resolution.PARTIAL,
                "credit": amount("8.40", currency),
                "summary": " ".join(_DUPLICATES),
                "credit_note_number": None,
                "corrected_invoice_number": None,
            }
        ),
        "dispute_resolved.confirmed": credited.model_copy(
            update={
                "resolution": Resolution.BILLING_CORRECT,
                "credit": None,
                "issue": "the price that was applied to your usage",
                "summary": "The bill was checked against the raw usage and found correct.",
                "findings": ("Every line was rated with the price of your contract of 1 January 2026.",),
                "credit_note_number": None,
                "corrected_invoice_number": None,
            }
        ),
        "dispute_resolved.goodwill": credited.model_copy(
            update={
                "resolution": Resolution.BILLING_CORRECT,
                "credit": amount("20.00", currency),
                "goodwill": True,
                "issue": "the quality of the service during the billing period",
                "summary": "The service kept its promises, but we took long to answer you.",
                "findings": (),
                "credit_note_number": None,
                "corrected_invoice_number": None,
            }
        ),
    }


def _to_operators(currency: str) -> dict[str, Payload]:
    approval = ApprovalRequested(
        approval_id=f"{_CASE}/credit/r1.1/a1",
        case_id=_CASE,
        tenant_id="acme",
        role=Role.VP,
        amount=amount("612.40", currency),
        recently_credited=amount("75.00", currency),
        question="May acme get a partial credit on INV-2026-000123 for 14 hours of slow answers?",
        findings=("api_calls answered slower than promised in 14 of 744 hours.",),
        requested_by="runbook",
        expires_at=_DUE,
    )
    judgement = JudgementNeeded(
        case_id=_CASE,
        tenant_id="acme",
        disputed=amount("840.00", currency),
        why="the findings are not conclusive",
        findings=("Key k-17 made 61,204 calls at night from a network first seen on 12 October.",),
    )
    return {
        "case_escalated": CaseEscalated(
            case_id=_CASE,
            tenant_id="acme",
            severity=Severity.CRITICAL,
            category=Category.UNAUTHORIZED_USAGE,
            disputed=amount("1840.00", currency),
            reasons=("More than the limit for the ordinary way is disputed.", "The customer suspects a stolen key."),
        ),
        "approval_requested": approval,
        "approval_requested.reminder": approval.model_copy(update={"reminder": 1, "requested_by": "agent-1"}),
        "approval_requested.uncounted": approval.model_copy(update={"recently_credited": None}),
        "judgement_needed": judgement,
        "judgement_needed.reminder": judgement.model_copy(update={"reminder": 3, "findings": ()}),
    }


def _alerts() -> dict[str, Payload]:
    alert = SlaAlert(
        case_id=_CASE,
        tenant_id="acme",
        clock="resolution",
        breached=False,
        due=_DUE,
        stage="waiting for approval",
        next_step="a decision by lead",
    )
    return {
        "sla_alert.warning": alert,
        "sla_alert.breach": alert.model_copy(update={"breached": True}),
        "sla_alert.several": alert.model_copy(
            update={
                "breached": True,
                "also": ("triage, due 2026-11-28 16:05 UTC", "root cause, due 2026-11-30 16:05 UTC"),
            }
        ),
        "handed_over": HandedOver(
            case_id=_CASE,
            step="issue credit",
            what_happened="Stripe did not answer for six days; whether the credit exists is not known.",
            what_to_do="Look the credit up at Stripe, then let the case try again or judge it anew.",
        ),
    }
