"""The story of a case in words: one dated list that feeds the query, the Temporal UI, the record and the tests."""

from temporalio import workflow

from billing.cases import StoryLine


class Timeline:
    """Dated sentences, oldest first; every sentence is written once, when it happens."""

    def __init__(self) -> None:
        self.lines: list[StoryLine] = []

    def note(self, text: str) -> None:
        """Add a sentence as of now."""
        self.lines.append(StoryLine(at=workflow.now(), text=text))

    def words(self) -> tuple[str, ...]:
        """The story as it is kept: `2026-11-21T09:00Z  sentence`."""
        return tuple(f"{line.at:%Y-%m-%dT%H:%M:%SZ}  {line.text}" for line in self.lines)
