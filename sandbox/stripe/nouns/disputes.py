"""Disputes: the customer's bank takes a payment back until somebody answers."""

from __future__ import annotations

from typing import Any

from sandbox.stripe.errors import Refused
from sandbox.stripe.forms import Params
from sandbox.stripe.lists import narrowed, page
from sandbox.stripe.nouns import settlement
from sandbox.stripe.routing import PAGING, route
from sandbox.stripe.state.account import Account, changed, merged_metadata, new_id
from sandbox.stripe.state.store import Obj

URL = "/v1/disputes"
FEE = 1500
RESPONSE_SECONDS = 9 * 24 * 3600
EVIDENCE = (
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
)

# (status, action) -> status. A verdict follows the submission at once: Stripe's test mode reads it from the evidence.
TRANSITIONS = {
    ("needs_response", "submit"): "under_review",
    ("needs_response", "close"): "lost",
    ("under_review", "win"): "won",
    ("under_review", "lose"): "lost",
    ("warning_needs_response", "submit"): "warning_under_review",
    ("warning_needs_response", "close"): "warning_closed",
    ("warning_under_review", "win"): "warning_closed",
    ("warning_under_review", "lose"): "needs_response",
}
VERDICTS = {"winning_evidence": "win", "losing_evidence": "lose"}
CLOSED = frozenset({"won", "lost", "warning_closed"})


@route("GET", URL, f"{PAGING} created charge payment_intent")
def list_all(account: Account, params: Params) -> Obj:
    """Disputes, newest first."""
    return page(narrowed(account, "dispute", params, "charge", "payment_intent"), params, URL, "dispute")


@route("GET", URL + "/{dispute}")
def retrieve(account: Account, params: Params, dispute: str) -> Obj:
    """One dispute."""
    return account.find("dispute", dispute)


@route("POST", URL + "/{dispute}", "evidence metadata submit")
def update(account: Account, params: Params, dispute: str) -> Obj:
    """Gather evidence, and send it unless `submit` is false."""
    before = account.find("dispute", dispute)
    evidence = {**before["evidence"], **(params.get("evidence") or {})}
    details = {**before["evidence_details"], "has_evidence": any(evidence[name] for name in EVIDENCE)}
    metadata = merged_metadata(before["metadata"], params)
    after = account.save(before, evidence=evidence, evidence_details=details, metadata=metadata)
    if "evidence" in params and params.get("submit", True):
        after = _moved(account, after, "submit")
        details = {**details, "submission_count": details["submission_count"] + 1, "submission_method": "manual"}
        after = account.save(after, evidence_details=details)
        if verdict := VERDICTS.get(evidence["uncategorized_text"] or ""):
            after = _moved(account, after, verdict)
    account.emit("charge.dispute.updated", after, changed(before, after))
    return after


@route("POST", URL + "/{dispute}/close")
def close(account: Account, params: Params, dispute: str) -> Obj:
    """Accept the dispute: the money is lost."""
    return _moved(account, account.find("dispute", dispute), "close")


def opened(account: Account, charge: Obj, reason: str, inquiry: bool = False) -> Obj:
    """Open a dispute over a whole charge, and return the charge. An inquiry takes no money yet."""
    charge = account.save(charge, disputed=True)
    dispute: Obj = {
        "id": new_id("du"),
        "object": "dispute",
        "amount": charge["amount"],
        "balance_transactions": [],
        "charge": charge["id"],
        "created": account.now(),
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(EVIDENCE), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": account.now() + RESPONSE_SECONDS,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": inquiry,
        "livemode": False,
        "metadata": {},
        "network_reason_code": None,
        "payment_intent": charge["payment_intent"],
        "payment_method_details": _details(charge),
        "reason": reason,
        "status": "warning_needs_response" if inquiry else "needs_response",
    }
    dispute = account.store.put(dispute)
    account.emit("charge.dispute.created", dispute)
    if not inquiry:
        dispute = _booked(account, dispute, -charge["amount"], FEE)
        account.emit("charge.dispute.funds_withdrawn", dispute)
    return charge


def _moved(account: Account, dispute: Obj, action: str) -> Obj:
    status = TRANSITIONS.get((dispute["status"], action))
    if status is None:
        raise Refused(f"This dispute is {dispute['status']}, so you cannot {action} it.")
    after = account.save(dispute, status=status)
    if status == "won":
        after = _booked(account, after, dispute["amount"], 0)
        account.emit("charge.dispute.funds_reinstated", after)
    if status in CLOSED:
        account.emit("charge.dispute.closed", after)
    return after


def _booked(account: Account, dispute: Obj, amount: int, fee: int) -> Obj:
    movement = settlement.moved(account, dispute, amount, "adjustment", fee)
    return account.save(dispute, balance_transactions=[*dispute["balance_transactions"], movement])


def _details(charge: Obj) -> dict[str, Any]:
    card = charge["payment_method_details"]["card"]
    return {
        "card": {
            "brand": card["brand"],
            "case_type": "chargeback",
            "network": card["network"],
            "network_reason_code": "10.4",
        },
        "type": "card",
    }
