"""When a debtor is told of a payment that failed: the first time at once, later as the contact budget allows, and never
beside another letter that names every debt as well."""

from collections.abc import Collection
from datetime import datetime

from billing.contact_budget import may_send_at
from billing.delinquency import Action, ActionKind, Standing
from billing.policy.dunning import DunningPolicy
from billing.rungs import Rung


def announced_at(
    standing: Standing, told_of: Collection[str], now: datetime, policy: DunningPolicy, again: Collection[str] = ()
) -> datetime | None:
    """When a letter about failed payments is due, never before `now`; None when there is nothing to tell, or nothing may be
    chased. `told_of` are the invoices that a letter named, `again` those of them of which there is news."""
    untold = [debt for debt in standing.chased if debt.invoice_id not in told_of or debt.invoice_id in again]
    if not untold or standing.exemption or any(stop.is_open for stop in standing.stopped):
        return None
    return may_send_at(standing.contacts, now, standing.calendar, policy.contact, legally_required=not told_of)


def is_read(action: Action) -> bool:
    """Whether the customer gets a letter of the step's own, which names every debt that is chased."""
    match action.kind:
        case ActionKind.REMINDER | ActionKind.FINAL_WARNING | ActionKind.DELETION_NOTICE:
            return True
        case ActionKind.ENTER_RUNG:
            return action.rung not in (Rung.RETRYING, Rung.GRACE)
        case _:
            return False


def is_said_by(action: Action, told_of: Collection[str]) -> bool:
    """Whether the letter of a step takes the place of the announcement. The first one leaves beside it all the same: it alone
    says how long service continues and when the charge is tried again."""
    return bool(told_of) and is_read(action)
