"""How a correction looks in a terminal: what is on the invoice before and after it, and who must approve it."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime

from activities.invoice_correction_ports import CorrectionRow
from billing.failures import BillingFailure, FailureCode
from billing.invoice_corrections import DONE, CorrectionStory, Ending, Stage
from starters import corrections
from starters.cli.session import Session
from starters.cli.terminal import say, show_fields, show_heading, show_line, show_table, when
from starters.connect import connected

_LOOK_EVERY_SECONDS = 0.3
_UNDER_WAY = frozenset({Stage.OPEN, Stage.PROPOSE})


async def follow(session: Session, case: str, *, to_its_end: bool = True, tell: bool = True) -> CorrectionStory:
    """The story once it has ended, or, when that is not waited for, once people are asked; `tell` shows it meanwhile."""
    told, book = 0, session.books.corrections
    async with connected(session.settings) as client:
        while True:
            story = await corrections.story(client, book, case)
            for line in story.timeline[told:] if tell else ():
                show_line(line.at, line.text)
            told = len(story.timeline)
            waits = story.approval is not None or (story.needs_human and story.stage is not Stage.APPROVE)
            if story.ending or (not to_its_end and (waits or story.stage not in (*_UNDER_WAY, Stage.APPROVE))):
                return story
            await asyncio.sleep(_LOOK_EVERY_SECONDS)


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
    columns = ("CORRECTION", "DEED", "AMOUNT", "TENANT", "ORDERED BY", "ORDERED", "ENDED")
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
                ("give it up", f"runbooks invoice correction withdraw {story.case_id}"),
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
    rows = [
        ("status", before.status, after.status),
        ("billed", before.total, before.total),
        ("credited", before.credited, after.credited),
        ("paid", before.paid, after.paid),
        ("refunded", before.refunded, after.refunded),
        ("still due", before.remaining, after.remaining),
        ("for the next invoice", None, story.preview.to_balance),
    ]
    show_table(("", "BEFORE", "AFTER"), rows, nothing="")
    for sentence in story.statements:
        say(sentence)
