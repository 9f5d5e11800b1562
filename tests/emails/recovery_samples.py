"""The letters of payment recovery: each rung, several invoices in one, and the alerts before a limit on usage."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from billing import recovery_letters as letters
from billing.access import AccessStanding, Cause, Limit, Restriction
from billing.emails import Payload
from billing.money import Money
from billing.recovery_letters import Coming, NextStep, Overage, OverageStep, Owed, OwedInvoice, RestoredBecause
from billing.tenants import Tenant, Tier

_LIMITED_AT = datetime(2026, 11, 27, 16, 5, tzinfo=UTC)
_BLOCKED = Coming(step=NextStep.BLOCKED, at=datetime(2026, 11, 30, 16, 5, tzinfo=UTC))
_SUSPENDED = Coming(step=NextStep.SUSPENDED, at=datetime(2026, 12, 4, 16, 5, tzinfo=UTC))
_DELETED = Coming(step=NextStep.DELETED, at=datetime(2027, 3, 4, 16, 5, tzinfo=UTC))
_TENTH = Decimal("0.1")


def recovery_payloads(currency: str) -> dict[str, Payload]:
    """Every template and variant by its name, amounts in `currency`."""
    one, several = _owed(currency)
    return {
        **_before_any_limit(one, several),
        **_under_limits(one, several),
        **_agreed(one, several),
        **_eased(one, several),
        **_usage(),
    }


def _owed(currency: str) -> tuple[Owed, Owed]:
    """One invoice, and three of which the last became overdue late in the evening in Europe."""
    oldest = OwedInvoice(
        number="MSC-2026-000417",
        net=Money(minor=123_450, currency=currency),
        since=datetime(2026, 11, 20, 16, 5, tzinfo=UTC),
    )
    younger = oldest.model_copy(update={"number": "MSC-2026-000431", "net": Money(minor=18_000, currency=currency)})
    late = OwedInvoice(
        number="MSC-2026-000502-R2",
        net=Money(minor=4_210, currency=currency),
        since=datetime(2026, 11, 25, 23, 30, tzinfo=UTC),
    )
    one = Owed(tenant_id="acme", invoices=(oldest,))
    return one, one.model_copy(update={"invoices": (oldest, younger, late)})


def _before_any_limit(one: Owed, several: Owed) -> dict[str, Payload]:
    limited = Coming(step=NextStep.LIMITED, at=_LIMITED_AT, share=_TENTH)
    return {
        "payment_failed": letters.payment_failed(one, 7, datetime(2026, 11, 20, 22, 5, tzinfo=UTC)),
        "payment_failed.several": letters.payment_failed(several, 14, None),
        "payment_failed.another_method": letters.payment_failed(one, 7, None, asks_for_method=True),
        "payment_failed.without_grace": letters.payment_failed(one, 0, None),
        "payment_reminder": letters.reminder(one, 1, 3, (limited, _BLOCKED, _SUSPENDED)),
        "payment_reminder.several": letters.reminder(several, 3, 3),
        "final_warning": letters.final_warning(one, _LIMITED_AT, _TENTH, (_BLOCKED, _SUSPENDED, _DELETED)),
        "final_warning.several": letters.final_warning(several, _LIMITED_AT),
    }


def _under_limits(one: Owed, several: Owed) -> dict[str, Payload]:
    return {
        "service_limited": letters.limited(one, _TENTH, _BLOCKED.at, (_SUSPENDED, _DELETED)),
        "service_limited.several": letters.limited(several, _TENTH, _BLOCKED.at),
        "service_blocked": letters.blocked(one, _SUSPENDED.at, (_DELETED,)),
        "service_blocked.several": letters.blocked(several, _SUSPENDED.at),
        "service_suspended": letters.suspended(one, _DELETED.at, (30, 7)),
        "service_suspended.several": letters.suspended(several, _DELETED.at, (30, 7)),
        "deletion_notice": letters.deletion_notice(one, 30, _DELETED.at),
        "deletion_notice.last": letters.deletion_notice(several, 7, _DELETED.at),
    }


def _eased(one: Owed, several: Owed) -> dict[str, Payload]:
    """By the limits that are left: ours, one of another cause, both, or none."""
    throttled = _limit(Cause.DELINQUENCY, Restriction.RATE_LIMITED, "a payment is overdue")
    by_hand = _limit(Cause.OPERATOR, Restriction.SUSPENDED, "An incident on this account is being looked at.")
    overage = _limit(Cause.OVERAGE, Restriction.NEW_REQUESTS_BLOCKED, "api_calls are at 150 % of what is included")
    younger, paid = RestoredBecause.LESS_OVERDUE, RestoredBecause.PAID
    nothing, later = one.model_copy(update={"invoices": ()}), (_BLOCKED, _SUSPENDED)
    return {
        "service_eased": letters.given_back(_standing(throttled), younger, one, later),
        "service_eased.several": letters.given_back(_standing(), RestoredBecause.EXEMPTED, several),
        "service_eased.other": letters.given_back(_standing(overage), younger, one, later),
        "service_eased.both": letters.given_back(_standing(throttled, by_hand), younger, nothing),
        "service_still_limited": letters.given_back(_standing(by_hand), paid, nothing),
        "service_still_limited.overage": letters.given_back(_standing(overage), paid, nothing),
    }


def _limit(cause: Cause, restriction: Restriction, reason: str) -> Limit:
    share = _TENTH if restriction is Restriction.RATE_LIMITED else Decimal(0)
    return Limit(
        cause=cause,
        restriction=restriction,
        rate_share=share,
        reason=reason,
        since=_LIMITED_AT,
        case_id="",
        by="lead-1",
    )


def _standing(*limits: Limit) -> AccessStanding:
    return AccessStanding(tenant_id="acme", limits=limits)


def _agreed(one: Owed, several: Owed) -> dict[str, Payload]:
    tenant = Tenant(
        tenant_id="acme",
        name="Acme Widgets Ltd",
        tier=Tier.ENTERPRISE,
        currency="USD",
        zone="UTC",
        country="US",
        billing_email="billing@acme.example",
    )
    return {
        "service_restored": letters.restored("acme", RestoredBecause.PAID),
        "service_restored.upgraded": letters.restored("acme", RestoredBecause.UPGRADED),
        "promise_noted": letters.promise_noted(one, date(2026, 12, 3)),
        "promise_noted.several": letters.promise_noted(several, date(2026, 12, 3)),
        "account_manager_task": letters.account_manager_task(one, tenant, 14, 1, (_BLOCKED, _SUSPENDED)),
        "account_manager_task.several": letters.account_manager_task(several, tenant, 30, 2),
    }


def _usage() -> dict[str, Payload]:
    ends = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)
    pro = (OverageStep(percent=120, then=Overage.THROTTLED), OverageStep(percent=150, then=Overage.BLOCKED))
    used, included = Decimal("1608400.5"), Decimal(2_000_000)
    return {
        "overage_alert": letters.overage_alert("acme", "api_calls", 80, used, included, ends, pro),
        "overage_alert.blocked": letters.overage_alert(
            "acme", "api_calls", 100, included, included, ends, (OverageStep(percent=100, then=Overage.BLOCKED),)
        ),
        "overage_alert.reviewed": letters.overage_alert(
            "acme", "api_calls", 100, included, included, ends, (OverageStep(percent=100, then=Overage.REVIEWED),)
        ),
        "usage_spike": letters.usage_spike("acme", "tokens_in", date(2026, 11, 20), Decimal(940_120), Decimal(125_300)),
    }
