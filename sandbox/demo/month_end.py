"""The month end: October for everybody who was not billed yet, stopped by wrong roll-ups, reviewed, repaired and re-run."""

import asyncio
from collections.abc import Callable

import psycopg

from billing.month_end import Ending, RunStory
from sandbox.demo.stage import Stage, StoryError, Told, expect
from sandbox.sample_data.month_end import PERIOD, WITHOUT_ADDRESS

_CASE = f"/month-ends/{PERIOD}"
_TRIES = 60
# As the run's own words name them, for whom they are meant.
_REBUILD = ("usage", "rebuild", "--first", "2026-10-25", "--last", "2026-10-31", "--as", "engineering-1")
_ADDRESS = (
    *("customer", "change", WITHOUT_ADDRESS, "--address", "Calle Mayor 7\n28013 Madrid"),
    *("--reason", "their reply of today", "--as", "finance-1"),
)
_GAPS = """
    select count(*) from (
        select split_part(number, '-', 3)::int - row_number() over (partition by legal_entity_id order by number) as gap
        from invoices where run_id is not null and number is not null
    ) as numbered where gap <> 0
"""


async def a_month_end(stage: Stage) -> Told:
    """Four people are needed: for the roll-ups, for a plan that grew, for a missing address, and to begin with."""
    await _begin(stage)
    await _until(stage, "the wrong roll-ups", lambda run: run.needs_human)
    await stage.typed(*_REBUILD)
    await stage.operator("engineering-1", f"{_CASE}/try-again", reason="the roll-ups of New York are made anew")
    review = await _until(stage, "a review", lambda run: run.approval is not None)
    assert review.approval is not None  # noqa: S101 - it was just seen
    approve = f"/approvals/{review.approval.approval_id}/approve"
    await stage.operator("finance-1", approve, reason="the larger plan is what was signed")
    first = await _ended(stage)
    expect(first.ending, Ending.CLOSED_WITH_LEFTOVERS, "the ending of the first run")
    await stage.typed(*_ADDRESS)
    await _begin(stage, only_parked=True)
    second = await _ended(stage)
    expect(second.ending, Ending.CLOSED, "the ending of the second run")
    told = second.model_copy(update={"timeline": (*first.timeline, *second.timeline)})
    return Told(
        "A month end: roll-ups repaired, reviewed, a parked customer re-run", told, Ending.CLOSED, _checked(stage)
    )


async def _begin(stage: Stage, *, only_parked: bool = False) -> None:
    """Ask until it begins: a run that has just ended may still be posting its last letters."""
    answer: dict[str, object] = {}
    for _ in range(_TRIES):
        answer = await stage.operator("engineering-1", f"{_CASE}/runs", only_parked=only_parked)
        if "error" not in answer:
            return
        await asyncio.sleep(1)
    raise StoryError(f"the month end did not begin: {answer}")


async def _ended(stage: Stage) -> RunStory:
    return await _until(stage, "its end", lambda run: run.ending is not None)


async def _until(stage: Stage, what: str, seen: Callable[[RunStory], bool]) -> RunStory:
    return await stage.watch(RunStory, _CASE, f"month-end/{PERIOD}", what, seen)


def _checked(stage: Stage) -> tuple[str, ...]:
    """What is in the books, at Stripe's door and in the post afterwards."""
    issued = int(_ask(stage, "select count(*) from invoices where run_id is not null and number is not null"))
    gaps = int(_ask(stage, _GAPS))
    pushed = int(
        _ask(stage, "select count(distinct provider_id) from effects where kind = 'invoice' and state = 'confirmed'")
    )
    delivered = int(_ask(stage, "select count(*) from sent_mail where template = 'invoice_issued' and state = 'sent'"))
    expect((issued, gaps, pushed, delivered), (18, 0, 18, 18), "invoices issued, gaps, at Stripe, delivered")
    return (
        f"{issued} invoices issued under gapless numbers of two companies",
        f"each once at Stripe and once in the post, with its PDF: {pushed} and {delivered}",
    )


def _ask(stage: Stage, statement: str, *values: str) -> str:
    with psycopg.connect(stage.sandbox.settings["RUNBOOKS_DATABASE_URL"]) as books:
        answer = books.execute(statement.encode(), values)
        row = answer.fetchone() if answer.description else None
    return str(row[0]) if row else ""
