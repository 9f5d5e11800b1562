"""How often each step of a case was begun, read from its history: what may legitimately have happened more than once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from temporalio.client import WorkflowHistory

from billing.emails import AT_MOST_ONCE
from tests.crash.plan import Kill, Moment, Through


@dataclass(frozen=True)
class Begun:
    """One scheduled activity: its type, what it was told, and how often a worker began it."""

    activity: str
    told: Any
    attempts: int

    def is_about(self, kill: Kill) -> bool:
        """Whether it is the step that was to be killed."""
        if self.activity != kill.step.activity:
            return False
        return not kill.step.template or self.told["payload"]["template"] == kill.step.template


class Attempts:
    """The activities of one case in the order in which they were scheduled."""

    def __init__(self, history: WorkflowHistory, kill: Kill | None = None) -> None:
        self._begun = list(_begun(history))
        self._kill = kill
        self._letters = {
            step.told["name"]: step.attempts for step in self._begun if step.activity.startswith("write_to_")
        }

    @property
    def of_the_killed_step(self) -> int:
        """How often the first step was begun that the kill is about."""
        struck = (step.attempts for step in self._begun if self._kill and step.is_about(self._kill))
        return next(struck, 0)

    def in_doubt(self, op_key: str, template: str) -> int:
        """How many attempts may have handed this letter over without anybody noting it down.

        Every attempt but the last one, be it killed or only too slow, except a kill that certainly came sooner or later.
        """
        name = op_key.partition("/letter/")[2].partition("/")[2]
        attempts = self._letters[name if name in self._letters else name.rpartition("/")[0]]
        return attempts - 1 - self._certain(template)

    def _certain(self, template: str) -> int:
        if self._kill is None or self._kill.step.through is not Through.MAIL or self._kill.step.template != template:
            return 0
        # Before it was sent nobody can tell from the row alone: what must not arrive twice is in doubt even then.
        unsent = self._kill.moment is Moment.BEFORE and template not in AT_MOST_ONCE
        return int(unsent or self._kill.moment is Moment.RETURNED)


def _begun(history: WorkflowHistory) -> Iterator[Begun]:
    started = {
        event.activity_task_started_event_attributes.scheduled_event_id: event.activity_task_started_event_attributes
        for event in history.events
        if event.HasField("activity_task_started_event_attributes")
    }
    for event in history.events:
        if event.HasField("activity_task_scheduled_event_attributes"):
            scheduled = event.activity_task_scheduled_event_attributes
            attempts = started[event.event_id].attempt if event.event_id in started else 0
            yield Begun(scheduled.activity_type.name, json.loads(scheduled.input.payloads[0].data), attempts)
