"""How a correction looks in a terminal: what is on the invoice before and after it, and who must approve it."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from time import monotonic

from activities.invoice_correction_ports import CorrectionRow
from billing.failures import BillingFailure, FailureCode
from billing.invoice_corrections import DONE, CorrectionStory, Ending, Stage
from starters import corrections
from starters.cli.session import Session
from starters.cli.terminal import say, show_fields, show_heading, show_line, show_table, when
from starters.connect import connected

_LOOK_EVERY_SECONDS = 0.3
# So long an order waits for its question; a correction that takes longer goes on by itself.
_PATIENCE_SECONDS = 30.0
# Before its question, or about to end: what it comes to is told a moment later.
_LOOKED_AT_AGAIN = frozenset({Stage.OPEN, Stage.PROPOSE, Stage.APPROVE, Stage.RECORD, Stage.CLOSED})


async def follow(session: Session, case: str, *, to_its_end: bool = True, tell: bool = True) -> CorrectionStory:
    """The story once it has ended, or, when that is not waited for, once people are asked; `tell` shows it meanwhile."""
    told, book, began = 0, session.books.corrections, monotonic()
    async with connected(session.settings) as client:
        while True:
            story = await corrections.story(client, book, case)
            for line in story.timeline[told:] if tell else ():
                show_line(line.at, line.text)
            told = len(story.timeline)
            if story.ending or (not to_its_end and (_is_asked(story) or monotonic() - began > _PATIENCE_SECONDS)):
                return story
            await asyncio.sleep(_LOOK_EVERY_SECONDS)


def _is_asked(story: CorrectionStory) -> bool:
    """Whether it waits for a person, or is being carried out."""
    return story.approval is not None or story.stage not in _LOOKED_AT_AGAIN


def ended_well(story: CorrectionStory) -> None:
    """Raise when it ended without being done."""
    if story.ending is None or story.ending is DONE[story.deed]:
        return
    code = FailureCode.INVALID if story.ending is Ending.NOT_ACCEPTED else FailureCode.CONFLICT
    raise BillingFailure(code, f"{story.case_id} ended: {story.timeline[-1].text.removeprefix('ended: ')}")


def show_list(rows: Iterable[CorrectionRow], now: datetime) -> None:
    """One row a correction."""
    lines = [
        (
            row.case_id,
            row.order.deed.replace("_", " "),
            row.story.amount if row.story else row.order.amount,
            row.tenant_id,
            row.order.requested_by,
            when(row.opened_at, now),
            row.ending or "under way",
        )
        for row in rows
    ]
    columns = ("CORRECTION", "DEED", "AMOUNT", "TENANT", "ORDERED BY", "ORDERED", "ENDING")
    show_table(columns, lines, nothing="No invoice was corrected yet.")


def show_correction(story: CorrectionStory, *, timeline: bool = True) -> None:
    """Stage, before and after, the open question with the command that answers it, and the story."""
    now = datetime.now(UTC)
    show_fields(
        [
            ("correction", story.case_id),
            ("invoice", story.number),
            ("tenant", story.tenant_id),
            ("stage", story.stage),
            ("next step", story.next_step),
            *([("waits", "for a person")] if story.needs_human else []),
            *([("amount", story.amount)] if story.amount else []),
            *([("ending", story.ending)] if story.ending else []),
        ]
    )
    _show_preview(story)
    if story.approval:
        show_heading(f"waits for {story.approval.role}, another person than {story.approval.requested_by}")
        show_fields(
            [
                ("question", story.approval.question),
                ("expires", when(story.approval.expires_at, now)),
                ("approve", f"runbooks approve {story.approval.approval_id}"),
                ("give it up", f'runbooks invoice correction withdraw {story.case_id} --reason "why"'),
            ]
        )
    if timeline and story.timeline:
        show_heading("timeline")
        for line in story.timeline:
            show_line(line.at, line.text)


def _show_preview(story: CorrectionStory) -> None:
    """The invoice as it stands at the provider, and as it will; once it is done, as it was and is."""
    if story.preview is None:
        return
    before, after = story.preview.before, story.preview.after
    show_heading(f"invoice {story.number} at the provider")
    rows: list[tuple[str, object, object]] = [
        ("status", before.status, after.status),
        ("billed", before.total, after.total),
    ]
    moved = (
        ("credited", before.credited, after.credited),
        ("paid", before.paid, after.paid),
        ("refunded", before.refunded, after.refunded),
    )
    rows += [row for row in moved if any(row[1:])]
    rows.append(("still due", before.remaining, after.remaining))
    if story.preview.to_balance:
        rows.append(("for the next invoice", None, story.preview.to_balance))
    show_table(("", "BEFORE", "AFTER"), rows, nothing="")
    show_heading("what happens")
    for sentence in story.statements:
        say(sentence)
