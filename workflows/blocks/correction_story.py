"""How an invoice correction shows itself in the Temporal UI: the current details in Markdown, from the story that tells all."""

from billing.invoice_corrections import CorrectionStory
from workflows.blocks.story import latest_lines, open_question


def as_markdown(story: CorrectionStory) -> str:
    """Stage, next step, money, what will happen, the open question and the latest lines of the timeline."""
    parts = [
        f"## {story.stage.value}{' · needs a person' if story.needs_human else ''}",
        f"**Next:** {story.next_step}",
        f"**{story.deed.replace('_', ' ').capitalize()}:** {story.number}{f', {story.amount}' if story.amount else ''}",
        "\n".join(f"- {sentence}" for sentence in story.statements),
        open_question(story.approval),
        latest_lines(story.timeline),
    ]
    return "\n\n".join(part for part in parts if part)
