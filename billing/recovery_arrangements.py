"""What an arrangement does to a case: why it is not taken, who else must agree, and the ladder afterwards.

The rules of each kind are in `billing.arrangements` and `billing.ladder_moves`; here they meet the order of a person.
"""

from datetime import date, datetime

from billing import arrangements as rules
from billing.arrangements import Arrangement
from billing.authority import Role
from billing.delinquency import Debt, Standing
from billing.ladder import contacted
from billing.ladder_moves import exempted, extended, promised, restored
from billing.money import Money
from billing.policy.dunning import DunningPolicy
from billing.recovery import ArrangementOrder, ArrangementRequest


def objection_to(order: ArrangementOrder, standing: Standing, now: datetime, policy: DunningPolicy) -> str | None:
    """Why nobody could agree to it, as a sentence with what can be agreed on instead."""
    match order.kind:
        case Arrangement.PROMISE:
            return rules.objection_to_promise(standing, _day(order), now, policy)
        case Arrangement.EXTENSION:
            return rules.objection_to_extension(standing, order.days or 0, policy)
        case Arrangement.EXEMPTION:
            return rules.objection_to_exemption(standing, _day(order), now, policy)
        case Arrangement.RESTORATION:
            return rules.objection_to_restoration(standing)
        case Arrangement.MANUAL_PAYMENT:
            named = (one for one in standing.debts if order.invoice in (one.number, one.invoice_id))
            debt, amount = next(named, None), _amount(order)
            return rules.objection_to_payment(debt, amount) or _objection_to_a_part(debt, amount)


def approver_of(
    order: ArrangementOrder, standing: Standing, by: Role, now: datetime, policy: DunningPolicy
) -> Role | None:
    """The role of the second person; None when whoever asks may decide alone."""
    match order.kind:
        case Arrangement.PROMISE:
            return None
        case Arrangement.EXTENSION:
            return rules.approval_of_extension(standing, order.days or 0, by, policy)
        case Arrangement.EXEMPTION:
            return rules.approval_of_exemption(standing, _day(order), now, policy)
        case Arrangement.RESTORATION:
            return rules.approval_of_restoration(by)
        case Arrangement.MANUAL_PAYMENT:
            return rules.approval_of_payment()


def agreed(standing: Standing, request: ArrangementRequest, now: datetime, policy: DunningPolicy) -> Standing:
    """The ladder once it is agreed on; a payment moves it when the provider knows it."""
    match request.kind:
        case Arrangement.PROMISE if request.until:
            until = rules.promise_until(standing, request.until, now, policy)
            # The customer is written that we have noted it.
            return contacted(promised(standing, request.until, until, now), now, policy)
        case Arrangement.EXTENSION:
            return extended(standing, request.days or 0, now, policy)
        case Arrangement.EXEMPTION if request.until:
            return exempted(standing, rules.exempted_until(standing, request.until, now, policy), now)
        case Arrangement.RESTORATION:
            return restored(standing, now)
        case _:
            return standing


def requested(
    order: ArrangementOrder, case_id: str, tenant_id: str, number: int, standing: Standing
) -> ArrangementRequest:
    """The order as it is frozen; `number` counts those of the case from 1. Something must be owed."""
    return ArrangementRequest(
        op_key=f"{case_id}/arrangement/{number}",
        case_id=case_id,
        tenant_id=tenant_id,
        kind=order.kind,
        amount=order.amount or standing.owed[0],
        until=order.until,
        days=order.days,
        invoice=order.invoice,
        reason=order.reason,
        requested_by=order.by,
    )


def _objection_to_a_part(debt: Debt | None, amount: Money) -> str | None:
    """The provider notes an invoice as paid elsewhere as a whole, or not at all."""
    if debt is None or amount == debt.net:
        return None
    return (
        f"{debt.net} is due on {debt.number}, and only the whole is noted as paid another way: give a credit for a part"
    )


def _day(order: ArrangementOrder) -> date:
    assert order.until is not None  # noqa: S101 - held by the order itself
    return order.until


def _amount(order: ArrangementOrder) -> Money:
    assert order.amount is not None  # noqa: S101 - held by the order itself
    return order.amount
