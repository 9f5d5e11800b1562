"""Lists as Stripe pages them, newest first, and search, which lags behind."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from sandbox.stripe.errors import InvalidParameter, no_such
from sandbox.stripe.forms import Params
from sandbox.stripe.state.account import Account
from sandbox.stripe.state.store import Obj

LIMIT_STANDARD, LIMIT_MAX = 10, 100
# Stripe says that search is not for reading back what was just written and that it lags by up to a minute.
SEARCH_LAG_SECONDS = 60

_RANGES: dict[str, Callable[[int, int], bool]] = {
    "gt": lambda moment, bound: moment > bound,
    "gte": lambda moment, bound: moment >= bound,
    "lt": lambda moment, bound: moment < bound,
    "lte": lambda moment, bound: moment <= bound,
}
_CLAUSE = re.compile(r"""\s*(-?)(\w+)(?:\[["']([^"']+)["']\])?\s*(:|>=|<=|>|<)\s*(?:"([^"]*)"|'([^']*)'|(\d+))\s*""")
_COMPARE = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}


def page(items: Iterable[Obj], params: Params, url: str, kind: str) -> Obj:
    """One page of `items`, which come oldest first, filtered by `created` and cut by the cursors in `params`."""
    chosen = [item for item in items if _created_within(item, params.get("created"))]
    chosen.reverse()
    limit = params.get("limit", LIMIT_STANDARD)
    if not 1 <= limit <= LIMIT_MAX:
        message = f"Invalid integer: {limit}. It must be between 1 and {LIMIT_MAX}."
        raise InvalidParameter(message, code="parameter_invalid_integer", param="limit")
    if before := params.get("ending_before"):
        upto = chosen[: _position(chosen, before, kind, "ending_before")]
        return as_list(upto[-limit:], url, has_more=len(upto) > limit)
    if after := params.get("starting_after"):
        chosen = chosen[_position(chosen, after, kind, "starting_after") + 1 :]
    return as_list(chosen[:limit], url, has_more=len(chosen) > limit)


def narrowed(account: Account, kind: str, params: Params, *fields: str) -> list[Obj]:
    """Objects of a kind whose fields equal those given in `params`, oldest first."""
    given = {field: params[field] for field in fields if params.get(field) is not None}
    indexed = next((field for field in given if field in ("customer", "invoice", "charge", "payment_intent")), None)
    found = account.store.related(kind, indexed, given[indexed]) if indexed else account.store.all(kind)
    return [item for item in found if all(item.get(field) == value for field, value in given.items())]


def as_list(items: list[Obj], url: str, has_more: bool = False) -> Obj:
    """Stripe's list object."""
    return {"object": "list", "data": items, "has_more": has_more, "url": url}


def search(account: Account, kind: str, params: Params, url: str) -> Obj:
    """Objects matching every clause of `query`, but none changed so lately that a real index would not have it yet."""
    clauses = _clauses(params["query"])
    horizon = account.now() - SEARCH_LAG_SECONDS
    items = [item for item in account.store.all(kind) if item.get("created", 0) <= horizon]
    found = [item for item in reversed(items) if all(_holds(item, *clause) for clause in clauses)]
    limit, start = params.get("limit", LIMIT_STANDARD), int(params.get("page") or 0)
    end = start + limit
    more = len(found) > end
    return {
        "object": "search_result",
        "data": found[start:end],
        "has_more": more,
        "next_page": str(end) if more else None,
        "url": url,
    }


def _created_within(item: Obj, wanted: Any) -> bool:
    if wanted is None:
        return True
    made: int = item["created"] if "created" in item else item["date"]
    if isinstance(wanted, int):
        return made == wanted
    return all(_RANGES[bound](made, moment) for bound, moment in wanted.items())


def _position(items: list[Obj], cursor: str, kind: str, param: str) -> int:
    for position, item in enumerate(items):
        if item["id"] == cursor:
            return position
    raise no_such(kind, cursor, param)


def _clauses(query: str) -> list[tuple[str, str | None, str, str, bool]]:
    found = []
    for text in re.split(r"\s+AND\s+", query):
        match = _CLAUSE.fullmatch(text)
        if match is None:
            message = f"The simulator cannot read the search clause {text!r}; it knows field:'value' joined by AND."
            raise InvalidParameter(message, param="query")
        negated, field, key, operator, double, single, number = match.groups()
        value = next(given for given in (double, single, number) if given is not None)
        found.append((field, key, operator, value, bool(negated)))
    return found


def _holds(item: Obj, field: str, key: str | None, operator: str, value: str, negated: bool) -> bool:
    actual = item.get(field)
    if key is not None:
        actual = (actual or {}).get(key)
    if operator == ":":
        return (str(actual) == value) != negated
    return isinstance(actual, int) and _RANGES[_COMPARE[operator]](actual, int(value)) != negated
