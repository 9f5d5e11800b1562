"""How a case shows itself in the Temporal UI: the current details in Markdown, from the same story as everything else."""

from collections.abc import Sequence
from datetime import datetime

from billing.cases import CaseStory, PendingApproval, StoryLine
from billing.wording import stamped

_LINES_SHOWN = 12


def as_markdown(story: CaseStory) -> str:
    """Stage, next step, money, clocks and the latest lines of the timeline; due moments, never remaining time."""
    parts = [
        f"## {story.stage.value}{' · needs a person' if story.needs_human else ''}",
        f"**Next:** {story.next_step}",
        _money(story),
        open_question(story.approval),
        _clocks(story),
        latest_lines(story.timeline),
    ]
    return "\n\n".join(part for part in parts if part)


def _money(story: CaseStory) -> str:
    parts = [f"disputed **{story.disputed}**"]
    if story.proposed:
        parts.append(f"proposed **{story.proposed}**")
    if story.credited:
        parts.append(f"credited **{story.credited}**")
    return "**Money:** " + ", ".join(parts)


def open_question(question: PendingApproval | None) -> str:
    """Who is asked what, until when, and the command that answers it; empty when nobody is asked."""
    if question is None:
        return ""
    return (
        f"**Waits for {question.role}:** {question.question} Expires {question.expires_at:%a %d %b %H:%M} UTC.\n\n"
        f"`runbooks approve {question.approval_id}`"
    )


def _clocks(story: CaseStory) -> str:
    if not story.clocks:
        return ""
    lines = [f"- {clock.name}: {clock.state}{_until(clock.due)}" for clock in story.clocks]
    return "\n".join(["**SLA clocks**\n", *lines])


def _until(due: datetime | None) -> str:
    return f", due **{due:%a %d %b %H:%M} UTC**" if due else ""


def latest_lines(timeline: Sequence[StoryLine]) -> str:
    """The end of the story, in UTC."""
    return "\n".join(["**Story**\n", *(f"- `{stamped(line.at)}` {line.text}" for line in timeline[-_LINES_SHOWN:])])
