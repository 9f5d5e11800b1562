"""Without the effects table the same kills double credits and letters, and the books say so: they are not blind."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.crash.company import Ground
from tests.crash.plan import ISSUE_CREDIT, QUESTION, Kill, Moment
from tests.crash.runs import side_by_side
from tests.crash.table import as_markdown

pytestmark = [pytest.mark.crash, pytest.mark.timeout(600)]

SENT = (Moment.UNREAD, Moment.READ, Moment.RETURNED)


async def test_without_the_effects_table_killed_workers_credit_and_ask_twice(
    ground: Ground, long_form: bool, publish: Callable[[str, str], None]
) -> None:
    credited = [Kill(ISSUE_CREDIT, moment) for moment in SENT]
    asked = [Kill(QUESTION, moment) for moment in SENT] if long_form else []
    unsent = [Kill(ISSUE_CREDIT, Moment.BEFORE)] if long_form else []

    reports = await side_by_side(ground, [*credited, *asked, *unsent], guarded=False)

    publish("the control", as_markdown(reports))
    seen = {report.kill: " ".join(report.flaws) for report in reports}
    assert [kill for kill in credited if "2 objects at Stripe, not 1" not in seen[kill]] == []
    assert [kill for kill in asked if "customer_asked arrived 2 times" not in seen[kill]] == []
    assert [seen[kill] for kill in unsent if seen[kill]] == []
