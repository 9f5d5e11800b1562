"""The table of results for people: a step a row, a moment a column, written between two marks of a document."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from tests.crash.plan import Moment
from tests.crash.runs import Report


def as_markdown(reports: Sequence[Report]) -> str:
    """What each kill came to, and the sum of it all; a failed cell names its first flaw."""
    cells = {(report.kill.step.name, report.kill.moment): _cell(report) for report in reports}
    names = list(dict.fromkeys(report.kill.step.name for report in reports))
    rows = ["| killed in | " + " | ".join(Moment) + " |", "|---|" + "---|" * len(Moment)]
    rows += [
        f"| `{name}` | " + " | ".join(cells.get((name, moment), "–") for moment in Moment) + " |" for name in names
    ]
    passed = sum(report.passed for report in reports)
    seconds = median(report.seconds for report in reports)
    return "\n".join(
        [*rows, "", f"{passed} of {len(reports)} kills left one of each effect; {seconds:.0f} s a run (median)."]
    )


def write(document: Path, name: str, content: str) -> None:
    """Put `content` between `<!-- name -->` and `<!-- end of name -->`; a document without the marks gets them."""
    start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    text = document.read_text(encoding="utf-8") if document.exists() else ""
    if start not in text:
        text = f"{text}\n{start}\n{end}\n".lstrip()
    between = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
    document.write_text(between.sub(lambda _: f"{start}\n{content}\n{end}", text), encoding="utf-8")


def _cell(report: Report) -> str:
    if report.passed:
        return "one effect"
    return f"**{report.flaws[0] if report.flaws else 'the step was not tried again'}**"
