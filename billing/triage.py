"""The first look at a ticket: can it be accepted, how grave is it, and must somebody know at once (D2, D10)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from billing.disputes import Severity, Ticket
from billing.invoices import Invoice
from billing.money import Money
from billing.policy.bundle import Policy
from billing.tenants import Tenant, Tier


def severity(disputed: Money, tier: Tier | None, escalated: bool, policy: Policy) -> Severity:
    """Critical when escalated, else by amount (thresholds belong to the graver side), one step up for enterprise (D2)."""
    if escalated:
        return Severity.CRITICAL
    by_amount = _by_amount(disputed, policy)
    return by_amount.one_step_up if tier is Tier.ENTERPRISE else by_amount


def escalation_reasons(ticket: Ticket, similar_tenants: int, policy: Policy) -> list[str]:
    """Why a dispute escalates at once, in sentences; empty when nothing calls for it (D10).

    `similar_tenants` counts the tenants, this one included, that contested the same within the policy's window.
    """
    limit = policy.disputes.escalate_above
    sentences = {
        f"The disputed {ticket.disputed} are more than {limit}.": policy.credits.exceeds(ticket.disputed, limit),
        "The customer suspects a breach or another security problem.": ticket.security_concern,
        "The customer threatens legal action.": ticket.legal_threat,
        (
            f"{similar_tenants} customers contested {', '.join(ticket.meters)} for the same reason "
            f"within {policy.disputes.pattern_window.days} days."
        ): policy.disputes.is_pattern(similar_tenants),
    }
    return [sentence for sentence, applies in sentences.items() if applies]


def intake_problems(
    ticket: Ticket, tenant: Tenant | None, invoice: Invoice | None, known_meters: Collection[str], now: datetime
) -> list[str]:
    """Why a ticket cannot be accepted: a sentence a problem with field, value and what to do; empty when it can.

    `invoice` is the tenant's issued invoice of the period, None when there is none; `now` is aware.
    """
    problems = [
        f"meters: {meter} is not a meter we bill; use the meter's name as it stands on the invoice."
        for meter in ticket.meters
        if meter not in known_meters
    ]
    if ticket.claimed > ticket.billed:
        problems.append(
            f"claimed_amount: {ticket.claimed} is more than the {ticket.billed} that was billed, "
            "so nothing is contested; send the lower amount that is right."
        )
    if tenant is None:
        return [f"tenant_id: {ticket.tenant_id} is not a customer; send the id from the customer's invoice.", *problems]
    if ticket.currency != tenant.currency:
        problems.append(
            f"currency: {ticket.currency} is not what {tenant.tenant_id} is billed in; "
            f"send the amounts in {tenant.currency}."
        )
    closes = tenant.service_period(ticket.period).end
    if now < closes:
        problems.append(
            f"period: {ticket.period} is not over before {closes:%Y-%m-%d %H:%M} UTC; dispute it once its invoice is issued."
        )
    elif invoice is None:
        problems.append(
            f"period: {tenant.tenant_id} has no issued invoice for {ticket.period}; "
            "send the month of the invoice in dispute as yyyy-mm."
        )
    return problems


def _by_amount(disputed: Money, policy: Policy) -> Severity:
    if policy.credits.reaches(disputed, policy.disputes.high_from):
        return Severity.HIGH
    if policy.credits.reaches(disputed, policy.disputes.normal_from):
        return Severity.NORMAL
    return Severity.LOW
