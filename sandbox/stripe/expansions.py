"""`expand`: ids in an answer replaced by the objects they stand for."""

from __future__ import annotations

from typing import Any

from sandbox.stripe.errors import InvalidParameter
from sandbox.stripe.lists import as_list
from sandbox.stripe.state.account import Account
from sandbox.stripe.state.store import Obj

DEPTH_MAX = 4

# Lists that an object carries only when asked: (object, field) -> (kind of the items, their field that points back).
CARRIED = {
    ("invoice", "payments"): ("invoice_payment", "invoice", "/v1/invoice_payments"),
    ("charge", "refunds"): ("refund", "charge", "/v1/refunds"),
}


def expanded(account: Account, answer: Obj, paths: list[str]) -> Obj:
    """The answer with every path in `paths` expanded; raises `InvalidParameter` for a path that leads nowhere."""
    for path in paths:
        steps = path.split(".")
        if len(steps) > DEPTH_MAX + (steps[0] == "data"):
            raise InvalidParameter(
                f"You cannot expand more than {DEPTH_MAX} levels of a property ({path}).", param="expand"
            )
        answer = _along(account, answer, steps, path)
    return answer


def _along(account: Account, value: Any, steps: list[str], path: str) -> Any:
    if isinstance(value, str):
        value = account.store.anywhere(value) or value
    if isinstance(value, list):
        return [_along(account, item, steps, path) for item in value]
    if not steps or value is None:
        return value
    if not isinstance(value, dict) or "deleted" in value:
        return value
    step, *rest = steps
    if carried := CARRIED.get((str(value.get("object")), step)):
        kind, field, url = carried
        # A path through a list goes on at its items: `payments.data.payment`.
        listed = value.get(step) or as_list(account.store.related(kind, field, value["id"])[::-1], url)
        return {**value, step: _along(account, listed, rest, path)}
    if step not in value or isinstance(value[step], int | bool):
        raise InvalidParameter(f"This property cannot be expanded ({path}).", param="expand")
    return {**value, step: _along(account, value[step], rest, path)}
