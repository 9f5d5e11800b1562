"""How a recovery shows itself in the Temporal UI: rung, next step and when, net due, and why it waits."""

from billing.recovery import RecoveryStory
from billing.wording import listed, timed
from workflows.blocks.story import latest_lines, open_question


def as_markdown(story: RecoveryStory) -> str:
    """Rung and service, next step with its moment, every debt, what it waits for, and the latest lines of the story; the
    ending in place of the rung once it is over."""
    place = story.ending or story.rung.replace("_", " ")
    owed = listed([str(one) for one in story.owed]) or "nothing"
    service = f" · {story.service.in_words()}" if story.service else ""
    parts = [
        f"## {place}{service}{' · needs a person' if story.needs_human else ''}",
        f"**Next:** {story.next_step}{f', {timed(story.next_at)}' if story.next_at else ''}",
        f"**Net due:** {owed}",
        "\n".join(
            f"- {debt.number}: {debt.net}, overdue since {debt.since:%d %b %Y}, {debt.chased}" for debt in story.debts
        ),
        "\n".join(f"- waits: {why}" for why in story.waits),
        "\n".join(f"- agreed: {words}" for words in story.arranged),
        open_question(story.approval),
        latest_lines(story.timeline),
    ]
    return "\n\n".join(part for part in parts if part)
