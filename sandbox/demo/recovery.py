"""Three recoveries side by side: one ends in full service, one in a suspension, and one waits while a hold is in force.

A day of theirs takes three seconds, so that the 21 days of the slowest take about a minute.
"""

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timedelta

from billing.access import AccessChange, service_in_words
from billing.holds import Hold
from billing.recovery import CASE, Ending, RecoveryStory
from billing.rungs import Rung
from sandbox.demo.debtors import GOOD_CARD, Debtor
from sandbox.demo.stage import Stage, StoryError, Told, expect

DAY_TAKES = timedelta(seconds=3)
RECOVERY_SPEED = timedelta(days=1) // DAY_TAKES

# Pro, pro, and enterprise, which has 14 days of grace.
PAID, UNPAID, HELD = "northfen", "velliano", "suryakosh"
# The original charge, and those after 6, 24 and 48 hours.
CHARGES = 4
# From its grace on, which begins on day 2, beyond the day of its limit.
HELD_FOR_DAYS = 12
# The days of the final warning and of the limit: one of them comes next, as it took somebody to place the hold.
STEPS = (7, 14)
_WHY, _OVER = "Their bank is closed; agreed with their finance.", "Their bank is open again."


async def a_debt_paid_by_a_new_card(stage: Stage) -> Told:
    """Nothing can be collected for a week, so requests are limited; a new card brings everything back at once."""
    debtor = await _behind(stage, PAID)
    limited = await _until(stage, PAID, "a limit of its service", lambda story: story.rung == Rung.RATE_LIMITED)
    await debtor.puts_on_file(GOOD_CARD)
    story = await _until(stage, PAID, "its end", lambda story: _says(story, "ended:"))
    expect(story.ending, Ending.RECOVERED, "the ending")
    await debtor.comes_to_have("none")
    collected, failed = await debtor.charges()
    expect((collected, failed), ((debtor.due,), CHARGES), "what was collected, and charges that failed")
    first, *_, last = await _service(stage, PAID)
    expect((first, last), ("limited to 10 % of the usual rate", "full service"), "its service, at first and at last")
    return Told(
        "A declined card: limited after a week, restored at once by a new one",
        story,
        Ending.RECOVERED,
        (
            f"{failed} charges failed, and exactly one succeeded: {collected[0]}, all that was due",
            f"GET /access says none: {last} again",
            *await _letters(debtor, limited.debts[0].since),
        ),
        speed=RECOVERY_SPEED,
        since=limited.debts[0].since,
    )


async def a_debt_that_nobody_pays(stage: Stage) -> Told:
    """Limited, blocked and suspended, with every letter that the policy owes the customer."""
    debtor = await _behind(stage, UNPAID)
    await _until(stage, UNPAID, "its suspension", lambda story: story.rung == Rung.SUSPENDED)
    story = await _until(stage, UNPAID, "the last reminder", lambda story: _says(story, "reminder 3"))
    await debtor.comes_to_have("suspended")
    collected, failed = await debtor.charges()
    expect((collected, failed), ((), CHARGES), "what was collected, and charges that failed")
    steps = ["limited to 10 % of the usual rate", "new requests blocked", "suspended"]
    expect(await _service(stage, UNPAID), steps, "its service, step by step")
    return Told(
        "Nobody pays: limited, blocked, suspended, 21 days in all",
        story,
        Rung.SUSPENDED,
        (
            f"{failed} charges failed, nothing was collected, and the case goes on",
            "GET /access says suspended",
            *await _letters(debtor, story.debts[0].since),
        ),
        speed=RECOVERY_SPEED,
        since=story.debts[0].since,
    )


async def a_debt_under_a_hold(stage: Stage) -> Told:
    """The day of the limit passes under a hold; released, the case has all the time left that it had before."""
    debtor = await _behind(stage, HELD)
    grace = await _until(stage, HELD, "its grace, all retries made", _has_only_grace_left)
    hold = await _held(stage)
    await _until(stage, HELD, "a rest", lambda story: bool(story.waits))
    await asyncio.sleep(HELD_FOR_DAYS * DAY_TAKES.total_seconds())
    resting = await _until(stage, HELD, "a rest", lambda story: bool(story.waits))
    expect((resting.rung, resting.next_at), (Rung.GRACE, None), "where it rests, with no step planned")
    expect((await debtor.access())["restriction"], "none", "what its service is limited to under the hold")
    rested = await _released(stage, hold)
    after = await _until(stage, HELD, "its going on", lambda story: not story.waits and story.next_at is not None)
    assert after.next_at is not None  # noqa: S101 - it was just seen
    since = grace.debts[0].since
    day = (after.next_at - rested - since) / DAY_TAKES
    expect(round(day, 2) in STEPS, True, f"that the time under the hold does not count: the next step is for day {day}")
    await debtor.pays_by_transfer()
    story = await _until(stage, HELD, "its end", lambda story: _says(story, "ended:"))
    expect(story.ending, Ending.RECOVERED, "the ending")
    expect(await debtor.charges(), ((), CHARGES), "what was collected, and charges that failed, none under the hold")
    expect(await _service(stage, HELD), [], "what its service was ever limited to")
    return Told(
        "A hold stops the clock: the day of the limit passes, and the customer pays",
        story,
        Ending.RECOVERED,
        (
            f"{hold.hold_id} lasted {rested / DAY_TAKES:.1f} days, and what was due on day {day:.0f} moved by as many",
            "nothing was charged since it was placed, and the service was never limited",
            *await _letters(debtor, since),
        ),
        speed=RECOVERY_SPEED,
        since=since,
    )


async def _behind(stage: Stage, tenant_id: str) -> Debtor:
    """A customer whose card was just declined."""
    debtor = await Debtor.called(stage, tenant_id)
    await debtor.falls_behind()
    return debtor


async def _until(stage: Stage, tenant_id: str, what: str, seen: Callable[[RecoveryStory], bool]) -> RecoveryStory:
    return await stage.watch(RecoveryStory, f"/delinquencies/{tenant_id}", f"{CASE}/{tenant_id}", what, seen)


async def _held(stage: Stage) -> Hold:
    """A hold on its suspension, placed in time by a request: a command takes seconds to start, and each is a third of a
    day."""
    placed = await stage.operator("finance-1", "/holds", effect="suspension", tenant_id=HELD, reason=_WHY)
    return Hold.model_validate(placed)


async def _released(stage: Stage, hold: Hold) -> timedelta:
    """Release it as finance types it, since nothing runs out meanwhile; answers how long it was in force."""
    await stage.typed("holds", "release", hold.hold_id, "--reason", _OVER, "--as", "finance-1")
    # Released twice it answers the first release.
    released = Hold.model_validate(await stage.operator("finance-1", f"/holds/{hold.hold_id}/release", reason=_OVER))
    assert released.released_at is not None  # noqa: S101 - it was just released
    return released.released_at - released.placed_at


async def _service(stage: Stage, tenant_id: str) -> list[str]:
    """What was left of a customer's service after each change of it, the oldest first."""
    page = json.loads(await stage.typed("access", "show", tenant_id, "--json"))
    changes = [AccessChange.model_validate(change) for change in reversed(page["changes"])]
    return [service_in_words(change.restriction, change.rate_share) for change in changes]


async def _letters(debtor: Debtor, since: datetime) -> tuple[str, ...]:
    """Each letter, with its day; raises StoryError for one that came twice."""
    letters = await debtor.letters()
    if again := [letter.subject for letter in letters if letter.deliveries != 1]:
        raise StoryError(f"{debtor.tenant_id} got more than once: {', '.join(again)}")
    return tuple(f"letter, day {(one.received_at - since) / DAY_TAKES:.0f}: {one.subject}" for one in letters)


def _has_only_grace_left(story: RecoveryStory) -> bool:
    """Every retry was made, and the next step is planned."""
    tried = any(f"scheduled attempt {CHARGES - 1}" in line.text for line in story.timeline)
    return tried and story.rung == Rung.GRACE and story.next_at is not None


def _says(story: RecoveryStory, words: str) -> bool:
    return any(line.text.startswith(words) for line in story.timeline)


RECOVERIES = (a_debt_paid_by_a_new_card, a_debt_that_nobody_pays, a_debt_under_a_hold)
