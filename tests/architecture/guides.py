"""Reading the guides: their links, blocks, commands and sentences."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import typer

from starters.cli import app

HERE = Path(__file__).parents[2]
GUIDES = sorted([*HERE.glob("*.md"), *(HERE / "docs").rglob("*.md")])
# Put together once: a hundred commands take as long as everything else here.
COMMAND_LINE = typer.main.get_command(app)
DECISIONS = [path for path in GUIDES if re.fullmatch(r"\d{4}-.*\.md", path.name)]


def leads_somewhere(guide: Path, target: str) -> bool:
    """Whether a relative target is a file and, with an anchor, has that heading."""
    name, _, anchor = target.partition("#")
    file = guide if not name else (guide.parent / name)
    if not file.exists():
        return False
    headings = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE) if anchor else []
    return not anchor or anchor in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def blocks_in(text: str) -> list[tuple[str, str]]:
    """Fenced blocks with their language."""
    return re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands_in(text: str) -> Iterator[list[str]]:
    """The words of every quoted `runbooks` command, in blocks and between backticks."""
    fenced = "\n".join(block for language, block in blocks_in(text) if language in {"sh", ""})
    lines = re.sub(r"\\\n\s*", " ", fenced).splitlines()
    inline = re.findall(r"`(runbooks [^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    for line in [*lines, *inline]:
        for part in re.split(r"\||&&", line.partition("  #")[0]):
            if (words := part.split()) and words[0] == "runbooks":
                yield words[1:]


def understood(words: list[str]) -> bool:
    """Whether the command line knows the command and each of its options."""
    command = COMMAND_LINE
    for position, word in enumerate(words):
        subcommands = getattr(command, "commands", None)
        if subcommands is None:
            options = {option for parameter in command.params for option in parameter.opts}
            given = {one.partition("=")[0] for one in words[position:] if re.match(r"--?[a-z]", one)}
            return given <= options | {"--help", "-h"}
        if word not in subcommands:
            return word in {"...", "--help"}
        command = subcommands[word]
    return True


@cache
def names_of_tests(file: str) -> frozenset[str]:
    """The names of the tests in a file of the house."""
    tree = ast.parse((HERE / file).read_text()) if (HERE / file).is_file() else ast.Module([], [])
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def as_one_line(text: str) -> str:
    """The text without its line breaks and stars, so that a sentence may be wrapped anywhere."""
    return re.sub(r"\s*\n\s*", " ", text.replace("**", ""))
