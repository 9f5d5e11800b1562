"""The search attributes of every case: what the Temporal UI's lists can be filtered by. No personal data: they are not
encrypted. SQL visibility allows 10 keywords and 3 datetimes in all, so a new one needs a reason."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributeUpdate

RUNBOOK = SearchAttributeKey.for_keyword("Runbook")
STAGE = SearchAttributeKey.for_keyword("Stage")
TENANT = SearchAttributeKey.for_keyword("Tenant")
TIER = SearchAttributeKey.for_keyword("Tier")
CATEGORY = SearchAttributeKey.for_keyword("Category")
SEVERITY = SearchAttributeKey.for_keyword("Severity")
DUE_AT = SearchAttributeKey.for_datetime("DueAt")
NEXT_ACTION_AT = SearchAttributeKey.for_datetime("NextActionAt")
NEEDS_HUMAN = SearchAttributeKey.for_bool("NeedsHuman")

# Name and type as `temporal operator search-attribute create` wants them.
ALL: dict[str, str] = {
    "Runbook": "Keyword",
    "Stage": "Keyword",
    "Tenant": "Keyword",
    "Tier": "Keyword",
    "Category": "Keyword",
    "Severity": "Keyword",
    "DueAt": "Datetime",
    "NextActionAt": "Datetime",
    "NeedsHuman": "Bool",
}


class Labels:
    """Writes only what changed, since every upsert is an event in the history."""

    def __init__(self) -> None:
        self._known: dict[str, object] = {}

    def show(self, **values: str | bool | datetime | None) -> None:
        """Set the attributes named after the keys above in lower case, such as `stage=` or `due_at=`; None removes one."""
        changed = {name: value for name, value in values.items() if self._known.get(name) != value}
        if changed:
            workflow.upsert_search_attributes(_updates(changed))
            self._known.update(changed)


_KEYS: dict[str, SearchAttributeKey[Any]] = {
    "runbook": RUNBOOK,
    "stage": STAGE,
    "tenant": TENANT,
    "tier": TIER,
    "category": CATEGORY,
    "severity": SEVERITY,
    "due_at": DUE_AT,
    "next_action_at": NEXT_ACTION_AT,
    "needs_human": NEEDS_HUMAN,
}


def _updates(values: dict[str, str | bool | datetime | None]) -> Sequence[SearchAttributeUpdate[Any]]:
    return [
        _KEYS[name].value_unset() if value is None else _KEYS[name].value_set(value) for name, value in values.items()
    ]
