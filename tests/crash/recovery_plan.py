"""What is killed where in payment recovery: each tale's steps in the order in which it comes to them."""

from __future__ import annotations

from collections.abc import Sequence

from activities.access import Access
from activities.delinquency import Delinquencies
from activities.payments import Payments
from activities.provider_events import ProviderEvents
from activities.recovery_letters import RecoveryLetters
from activities.retention import Retention
from activities.usage_limits import UsageLimits
from tests.crash.plan import Kill, Moment, Step, Tale, Through

_BACK, _ARRANGED, _PURGED = Tale.WAY_BACK, Tale.ARRANGED, Tale.PURGED
_HEARD, _CAPPED = Tale.HEARD, Tale.CAPPED
_TAKE = "take_delinquency_step"

STEPS = (
    Step("open_delinquency", Through.POSTGRES, _BACK),
    Step("look_at_debts", Through.NOTHING, _BACK),
    Step("tell_delinquency", Through.POSTGRES, _BACK),
    Step("open_payment_retry", Through.POSTGRES, _BACK),
    Step("attempt_payment", Through.STRIPE, _BACK, port="collector"),
    Step(_TAKE, Through.POSTGRES, _BACK, template="rate-limited", port="restrictions"),
    Step(_TAKE, Through.MAIL, _BACK, template="suspended", port="postman"),
    Step(_TAKE, Through.POSTGRES, _BACK, template="awaiting-deletion", port="deletion"),
    Step("spare_from_purge", Through.POSTGRES, _BACK),
    Step("restrict_access", Through.POSTGRES, _BACK),
    Step("refresh_receivables", Through.POSTGRES, _BACK),
    Step("restore_service", Through.POSTGRES, _BACK, port="restrictions"),
    Step("restore_service", Through.MAIL, _BACK, port="postman"),
    Step("close_payment_retry", Through.POSTGRES, _BACK),
    Step("look_up_debtor", Through.NOTHING, _ARRANGED),
    Step(_TAKE, Through.MAIL, _ARRANGED, template="account-manager-1", port="postman"),
    Step("role_of_operator", Through.NOTHING, _ARRANGED),
    Step("arrange_recovery", Through.POSTGRES, _ARRANGED),
    Step("put_arrangement_in_force", Through.POSTGRES, _ARRANGED),
    Step("write_to_tenant", Through.MAIL, _ARRANGED, template="promise_noted"),
    Step("settle_arrangement", Through.POSTGRES, _ARRANGED),
    Step("note_payment_elsewhere", Through.STRIPE, _ARRANGED, port="invoicing"),
    Step("plan_purge", Through.POSTGRES, _PURGED),
    Step("write_notice", Through.MAIL, _PURGED, template="retention_notice"),
    Step("propose_purge", Through.POSTGRES, _PURGED),
    Step("begin_purge", Through.POSTGRES, _PURGED, port="retention"),
    Step("begin_purge", Through.POSTGRES, _PURGED, port="restrictions"),
    Step("carry_out_purge", Through.POSTGRES, _PURGED),
    Step("certify_purge", Through.POSTGRES, _PURGED),
    Step("close_purge", Through.POSTGRES, _PURGED),
    Step("list_due_payments", Through.NOTHING, _HEARD),
    Step("sweep_provider_events", Through.POSTGRES, _HEARD),
    Step("process_provider_events", Through.NOTHING, _HEARD, port="events"),
    Step("settle_provider_events", Through.POSTGRES, _HEARD),
    Step("check_usage_limits", Through.POSTGRES, _CAPPED, port="restrictions"),
    Step("check_usage_limits", Through.POSTGRES, _CAPPED, port="usage_register"),
    Step("tell_of_usage", Through.MAIL, _CAPPED),
    Step("tell_of_usage", Through.POSTGRES, _CAPPED, port="usage_register"),
)

# Whose activities these are.
RECOVERY = (Delinquencies, Payments, ProviderEvents, RecoveryLetters, Retention, Access, UsageLimits)

# On offer, and asked for by no runbook: charges are looked up on the way of an attempt, limits lifted with `restore_service`.
NEVER_ASKED_FOR = frozenset({"look_up_payment", "lift_access"})

Chain = tuple[Kill, ...]


def every_chain() -> tuple[Chain, ...]:
    """Each tale four times, every step of it killed at one of the moments."""
    return tuple(chain(tale, [moment]) for tale in Tale if _of(tale) for moment in Moment)


def short_chains() -> tuple[Chain, ...]:
    """Each tale once, its steps killed at the moments in turn; the long one in halves, one beside the other."""
    turns = (Moment.UNREAD, Moment.RETURNED, Moment.READ, Moment.BEFORE)
    whole = [chain(tale, turns) for tale in Tale if _of(tale)]
    halves = [part for one in whole for part in ([one] if len(one) <= _AT_MOST else [one[::2], one[1::2]])]
    return tuple(sorted(halves, key=len, reverse=True))


# So many deaths in one run of the short form, one after the other.
_AT_MOST = 8


def chain(tale: Tale, moments: Sequence[Moment]) -> Chain:
    """The steps of a tale, each killed at the next of the moments, over and over."""
    return tuple(Kill(step, moments[number % len(moments)], one_of_many=True) for number, step in enumerate(_of(tale)))


def _of(tale: Tale) -> tuple[Step, ...]:
    return tuple(step for step in STEPS if step.tale is tale)
