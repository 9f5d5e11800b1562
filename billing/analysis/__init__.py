"""From facts to findings: one file a dispute category, each a pure function that names rows and never an amount (D5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from billing.analysis import pricing, service_quality, unauthorized_usage, usage_calculation
from billing.contracts import Contract
from billing.disputes import Category
from billing.evidence import UsageFacts
from billing.findings import Finding
from billing.invoices import Invoice
from billing.policy.bundle import Policy
from billing.tenants import Tier


def analyse(
    category: Category,
    facts: UsageFacts,
    invoice: Invoice,
    contract: Contract,
    meters: Sequence[str],
    tier: Tier,
    policy: Policy,
) -> list[Finding]:
    """Every finding about the disputed `meters`, in the order in which they are re-rated; amounts are still empty."""
    match category:
        case Category.USAGE_CALCULATION:
            # A wrong tier or rate also shows as a wrong amount, and the customer cannot know which it was (D5).
            counted = usage_calculation.findings(facts, invoice, meters)
            return [*counted, *pricing.findings(contract, invoice, meters)]
        case Category.UNAUTHORIZED_USAGE:
            return unauthorized_usage.findings(facts, meters, policy.usage)
        case Category.SERVICE_QUALITY:
            return service_quality.findings(facts, meters, tier, policy.quality)
        case Category.PRICING:
            return pricing.findings(contract, invoice, meters)
    assert_never(category)
