"""How a recovery looks in a terminal: rung, next step and when, what is owed, why it waits, what was agreed."""

from collections.abc import Iterable
from datetime import UTC, datetime

from activities.delinquency_ports import DelinquencyRow
from billing.recovery import RecoveryStory
from billing.wording import listed
from starters.cli.terminal import show_fields, show_heading, show_line, show_table, when


def show_list(rows: Iterable[DelinquencyRow], now: datetime) -> None:
    """One row a case."""
    lines = [
        (
            row.tenant_id,
            "–" if row.ending else (row.story.rung if row.story else "opening").replace("_", " "),
            _owed(row.story) if row.story else "",
            row.ending or (row.story.next_step if row.story else ""),
            when(row.story.next_at, now) if row.story else "",
            "; ".join(row.story.waits) if row.story else "",
            when(row.opened_at, now),
        )
        for row in rows
    ]
    columns = ("CUSTOMER", "RUNG", "NET DUE", "NEXT", "WHEN", "WAITS", "OPENED")
    show_table(columns, lines, nothing="Nobody's debts are being recovered.")


def show_case(story: RecoveryStory) -> None:
    """Everything but the payloads of letters."""
    now = datetime.now(UTC)
    show_fields(
        [
            ("recovery", story.case_id),
            ("customer", f"{story.tenant_id}, {story.tier}" if story.tier else story.tenant_id),
            *([] if story.ending else [("rung", story.rung.replace("_", " "))]),
            *([("service", story.service.in_words())] if story.service else []),
            ("net due", _owed(story)),
            ("next step", story.next_step),
            *([("when", when(story.next_at, now))] if story.next_at else []),
            *(("waits", why) for why in story.waits),
            *(("agreed", words) for words in story.arranged),
            *([("needs", "a person")] if story.needs_human else []),
            *([("ending", story.ending)] if story.ending else []),
        ]
    )
    if story.debts:
        show_heading("unpaid")
        rows = [(one.number, one.net, when(one.since, now), one.chased) for one in story.debts]
        show_table(("INVOICE", "NET DUE", "OVERDUE SINCE", "COLLECTED"), rows, nothing="")
    if story.approval:
        show_heading(f"waits for {story.approval.role}, another person than {story.approval.requested_by}")
        show_fields(
            [
                ("question", story.approval.question),
                ("expires", when(story.approval.expires_at, now)),
                ("approve", f"runbooks approve {story.approval.approval_id}"),
            ]
        )
    if story.timeline:
        show_heading("timeline")
        for line in story.timeline:
            show_line(line.at, line.text)


def _owed(story: RecoveryStory) -> str:
    return listed([str(one) for one in story.owed]) or "nothing"
