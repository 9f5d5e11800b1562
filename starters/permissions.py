"""Who an operator is, proven by the token, and what a role may ask of a case.

The first check only: the case and the database check again where it counts, and decide about money by amount (C8).
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from enum import StrEnum

from adapters.operator_keys import operator_of, public_key_of
from adapters.postgres.operators import Operator, Operators
from billing.authority import MAY_CONFIRM_PURGES, MAY_CORRECT_INVOICES, MAY_RUN_MONTH_END, MAY_VOID_INVOICES, Role
from billing.holds import MAY_HOLD
from billing.payments import MAY_CHARGE
from billing.recovery import MAY_ARRANGE


class Deed(StrEnum):
    """What an operator may ask for; the value completes the sentence "may not ..."."""

    LOOK = "look at cases"
    CONVERSE = "open cases and speak for the customer"
    JUDGE = "judge a case"
    DE_ESCALATE = "take an escalation back"
    REPAIR = "let a case try again"
    DECIDE = "decide about money"
    RUN_MONTH_END = "run a month end"
    HOLD = "place or release a hold"
    BRING_USAGE = "bring usage in or make roll-ups anew"
    SETTLE_USAGE = "let quarantined usage in or discard it"
    RECONCILE = "compare the books with the provider's"
    VOID_DUPLICATES = "decide about duplicates"
    CORRECT = "correct issued invoices"
    CHARGE = "charge a customer"
    ARRANGE = "agree on anything with a debtor"
    KEEP_CUSTOMERS = "change what is on record of customers"
    AGREE = "put contracts on record"
    INVITE = "give a customer a link into the portal"
    LIMIT_ACCESS = "limit a customer's service or lift a limit"
    CAP_USAGE = "set a customer's caps"
    PLAN_PURGE = "plan what is to be deleted for good"
    CONFIRM_PURGE = "confirm what is to be deleted for good"


_EVERYONE = frozenset(Role)
_AT_THE_CUSTOMER = frozenset({Role.AGENT, Role.LEAD, Role.VP, Role.FINANCE, Role.ACCOUNT_MANAGER})
_IN_CHARGE = frozenset({Role.LEAD, Role.VP})

ROLES_FOR: Mapping[Deed, frozenset[Role]] = {
    Deed.LOOK: _EVERYONE,
    Deed.CONVERSE: _AT_THE_CUSTOMER,
    Deed.JUDGE: frozenset({Role.AGENT, Role.LEAD, Role.VP}),
    Deed.DE_ESCALATE: _IN_CHARGE,
    Deed.REPAIR: _IN_CHARGE | {Role.ENGINEERING},
    Deed.DECIDE: frozenset({Role.AGENT, Role.LEAD, Role.VP, Role.ENGINEERING, Role.FINANCE}),
    Deed.RUN_MONTH_END: frozenset(MAY_RUN_MONTH_END),
    Deed.HOLD: MAY_HOLD,
    Deed.BRING_USAGE: _IN_CHARGE | {Role.ENGINEERING, Role.FINANCE},
    Deed.SETTLE_USAGE: _IN_CHARGE | {Role.FINANCE},
    Deed.RECONCILE: frozenset({Role.FINANCE, Role.ENGINEERING, Role.LEAD, Role.VP}),
    Deed.VOID_DUPLICATES: frozenset(MAY_VOID_INVOICES),
    Deed.CORRECT: frozenset(MAY_CORRECT_INVOICES),
    Deed.CHARGE: frozenset(MAY_CHARGE),
    Deed.ARRANGE: frozenset(MAY_ARRANGE),
    Deed.KEEP_CUSTOMERS: _IN_CHARGE | {Role.FINANCE, Role.ACCOUNT_MANAGER},
    Deed.AGREE: frozenset({Role.FINANCE, Role.VP}),
    Deed.LIMIT_ACCESS: _IN_CHARGE | {Role.ENGINEERING, Role.FINANCE},
    Deed.CAP_USAGE: _IN_CHARGE | {Role.FINANCE, Role.ACCOUNT_MANAGER},
    Deed.PLAN_PURGE: frozenset(MAY_CONFIRM_PURGES) | {Role.ENGINEERING},
    Deed.CONFIRM_PURGE: frozenset(MAY_CONFIRM_PURGES),
    Deed.INVITE: frozenset({Role.LEAD, Role.AGENT, Role.ACCOUNT_MANAGER}),
}


class UnknownOperatorError(Exception):
    """The token proves nobody; the message never holds any of it."""


class NotAllowedError(Exception):
    """A known operator who may not do this; the message says who may."""


def identified(token: str, operators: Operators) -> Operator:
    """The operator a token belongs to, compared in constant time with the stored public key.

    Raises UnknownOperatorError for a token that proves nobody, NotAllowedError for somebody who has left.
    """
    try:
        key = public_key_of(token)
    except ValueError:
        raise UnknownOperatorError("this is no operator token: it reads <operator id>:<43 characters>") from None
    operator = operators.find(operator_of(token))
    # Somebody unknown takes the same comparison, so that its time does not tell which operators exist.
    if not hmac.compare_digest(key, operator.public_key if operator else key[::-1]) or operator is None:
        raise UnknownOperatorError("the operator token is not valid: ask for a new one")
    if not operator.active:
        raise NotAllowedError(f"{operator.operator_id} is no longer an active operator")
    return operator


def permit(operator: Operator, deed: Deed) -> None:
    """Raises NotAllowedError when the operator's role is not enough for it."""
    if operator.role not in ROLES_FOR[deed]:
        who = ", ".join(sorted(ROLES_FOR[deed]))
        raise NotAllowedError(f"{operator.operator_id} is {operator.role} and may not {deed}; it takes one of: {who}")
