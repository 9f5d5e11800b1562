"""Why a bill cannot be issued although it was made, and what keeps a draft from passing unseen: pure rules."""

from collections.abc import Iterator

from billing.invoices import LineKind
from billing.invoicing import Bill, BilledLine
from billing.money import MINOR_UNIT_PLACES, Money
from billing.policy.month_end import MonthEndPolicy
from billing.run_reports import Bound, Flag
from billing.wording import counted


def obstacle(
    currency: str,
    bill: Bill,
    *,
    legal_entity_id: str | None,
    has_address: bool,
    has_customer: bool,
    can_be_collected: bool,
) -> str | None:
    """Why the tenant's bill cannot be issued, with what to do about it; None when it can.

    `can_be_collected`: there is a payment method, or the tenant is sent invoices to pay.
    """
    if currency not in MINOR_UNIT_PLACES:
        return f"the tenant's currency {currency} is not one we bill in: correct the tenant, then bill it again"
    if bill.currency != currency:
        return f"the contract is in {bill.currency} and the tenant in {currency}: make them agree, then bill the tenant again"
    if legal_entity_id is None:
        return "no legal entity issues this tenant's invoices: name one for the tenant, then bill it again"
    if not has_address:
        return "the tenant has no address to print on an invoice: put it on record, then bill it again"
    if not has_customer:
        return "the tenant is no customer at the payment provider: link it to one, then bill it again"
    if not can_be_collected:
        return (
            "the tenant is charged automatically and has no payment method: ask for one or send it invoices to pay, "
            "then bill it again"
        )
    return None


def flags_of(tenant_id: str, bill: Bill, policy: MonthEndPolicy) -> Iterator[Flag]:
    """The safety bounds that a bill trips by itself; what needs earlier bills is looked at for all together."""
    total = bill.total_minor
    if total < 0:
        yield Flag(
            tenant_id=tenant_id, bound=Bound.NEGATIVE, detail=f"comes to {Money(minor=total, currency=bill.currency)}"
        )
    if total == 0 and (used := sum(map(_is_beyond_its_allowance, bill.lines))):
        detail = f"comes to nothing with {counted(used, 'meter')} used beyond what is included"
        yield Flag(tenant_id=tenant_id, bound=Bound.ZERO_WITH_USAGE, detail=detail)
    if len(bill.lines) > policy.lines_at_most:
        detail = f"has {len(bill.lines)} lines, at most {policy.lines_at_most} are usual"
        yield Flag(tenant_id=tenant_id, bound=Bound.TOO_MANY_LINES, detail=detail)


def _is_beyond_its_allowance(line: BilledLine) -> bool:
    """Usage that somebody should have been charged for; what is included is free on purpose."""
    if line.kind is not LineKind.USAGE or line.price is None:
        return False
    active, period = line.active_days or 0, line.period_days or 1
    return line.quantity * period > line.price.card.included * active
