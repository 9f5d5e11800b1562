"""The tables of docs/dunning-policy.md, worked out from the policy in force.

python -m tests.architecture.dunning_tables    # prints them, to be put into the page
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from billing.access import service_in_words
from billing.delinquency import Action, ActionKind, Standing
from billing.ladder import contacted, next_action, performed, restriction_of
from billing.ladder_moves import anchored, changed_tier, exempted, promise_over, promised, resumed, stopped
from billing.policy.dunning import DUNNING
from billing.recovery_steps import in_words
from billing.tenants import Tier
from tests.billing.debtors import BERLIN, DAY, FAILED, case, day, debt, story

ZONE = ZoneInfo(BERLIN.zone)
HEAD = "| day | in Berlin | what happens | service from then on |\n| --- | --- | --- | --- |"


def tables() -> dict[str, str]:
    """Each table under its heading."""
    return {
        "Pro": _ladder(case(Tier.PRO)),
        "Enterprise": _ladder(case(Tier.ENTERPRISE)),
        "Free": _ladder(case(Tier.FREE)),
        "We were away": _ladder(case(Tier.PRO, at=20), at=20, until=27),
        "A hold": _ladder(resumed(stopped(story(Tier.PRO, until=8).standing, day(8)), day(11)), at=11, until=18),
        "A younger debt": _ladder(_younger(), at=11.5, until=19),
        "A promise that was broken": _ladder(_broken_promise(), at=12, until=20),
        "An exemption": _ladder(exempted(story(Tier.PRO, until=12).standing, day(32), day(12)), at=12, until=39),
        "A smaller plan": _ladder(_downgraded(), at=10, until=19),
    }


def _younger() -> Standing:
    both = story(Tier.PRO, debt("in-1"), debt("in-2", since=4), until=11.5).standing
    return anchored(both, [debt("in-2", since=4)], day(11.5), DUNNING)


def _broken_promise() -> Standing:
    limited = story(Tier.PRO, until=8).standing
    noted = contacted(promised(limited, day(11).date(), day(12), day(8)), day(8), DUNNING)
    return promise_over(noted, day(12))


def _downgraded() -> Standing:
    return changed_tier(story(Tier.ENTERPRISE, until=10).standing, Tier.PRO, day(10), DUNNING)


def _ladder(standing: Standing, *, at: float = 0, until: float = 200) -> str:
    return "\n".join([HEAD, *_rows(standing, day(at), day(until))])


def _rows(standing: Standing, now: datetime, until: datetime) -> Iterator[str]:
    yield _row(now, "the case as it stands", standing) if now > FAILED else _row(now, "the payment fails", standing)
    while (action := next_action(standing, DUNNING, now)) and action.at <= until:
        now = action.at
        standing = performed(standing, action, now, DUNNING)
        yield _row(now, _words(action), standing)


def _row(at: datetime, what: str, standing: Standing) -> str:
    service = service_in_words(*restriction_of(standing.rung, DUNNING))
    number = round((at - FAILED) / DAY, 1)
    return f"| {number:g} | {at.astimezone(ZONE):%a %d %b %H:%M} | {what} | {service} |"


def _words(action: Action) -> str:
    named = in_words(action, DUNNING)
    return f"**{named}**" if action.kind in (ActionKind.ENTER_RUNG, ActionKind.HAND_TO_PURGE) else named


if __name__ == "__main__":
    sys.stdout.write("\n\n".join(f"## {name}\n\n{written}" for name, written in tables().items()) + "\n")
