"""How a month end shows itself in the Temporal UI: the current details in Markdown, from the story that tells all."""

from billing.month_end import RunStory
from billing.wording import written
from workflows.blocks.story import latest_lines, open_question

_LEFT_SHOWN = 5


def as_markdown(story: RunStory) -> str:
    """Stage, progress, what became of the tenants, totals, the open question and the latest lines of the timeline."""
    parts = [
        f"## {story.stage.value}{' · needs a person' if story.needs_human else ''}{_paused(story)}",
        f"**Next:** {story.next_step}",
        f"**Progress:** {story.progress.in_words()}" if story.progress else "",
        _outcomes(story),
        "\n".join(f"- held: {words}" for words in story.holds),
        open_question(story.approval),
        _left(story),
        latest_lines(story.timeline),
    ]
    return "\n\n".join(part for part in parts if part)


def _paused(story: RunStory) -> str:
    return f" · paused by {story.paused_by}" if story.paused_by else ""


def _outcomes(story: RunStory) -> str:
    tenants = [f"{written(count)} {outcome.value.replace('_', ' ')}" for outcome, count in story.outcomes.items()]
    totals = [f"**{total}**" for total in story.totals]
    return "\n\n".join(
        part
        for part in (
            f"**Tenants:** {', '.join(tenants)}" if tenants else "",
            f"**Totals:** {', '.join(totals)}" if totals else "",
        )
        if part
    )


def _left(story: RunStory) -> str:
    if not story.left_count:
        return ""
    lines = [f"- {left.number} ({left.tenant_id}): {left.why}" for left in story.left[:_LEFT_SHOWN]]
    return "\n".join([f"**Documents left:** {written(story.left_count)}\n", *lines])
