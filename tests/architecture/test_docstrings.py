"""Every public name says what the name cannot: in a docstring of its own, or where its reader looks for it.

A method of a class that "Satisfies `X`" is explained by the port `X`, one that overrides another by the class above, a
message to a runbook by the `description` of its decorator, which the Temporal UI shows, and a runbook's `run` by the
drawing on top of its file.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from tests.architecture.house import ROOMS, sources

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

SATISFIES = re.compile(r"\b[Ss]atisfies `(?:\w+\.)*(\w+)`")


def classes_of(trees: Iterable[ast.Module]) -> dict[str, ast.ClassDef]:
    """The classes of the files by their names."""
    return {node.name: node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)}


def above(owner: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> Iterator[ast.ClassDef]:
    """The classes that a class derives from and the ports that it says it satisfies, as far as they are ours."""
    named = [ast.unparse(base).rpartition(".")[2] for base in owner.bases]
    for name in (*named, *SATISFIES.findall(ast.get_docstring(owner) or "")):
        if name in classes:
            yield classes[name]
            yield from above(classes[name], classes)


def explained_above(owner: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> set[str]:
    """Names of methods that have a docstring further up."""
    return {
        node.name
        for one in above(owner, classes)
        for node in one.body
        if isinstance(node, Definition) and ast.get_docstring(node)
    }


def decorated_with_words(node: Definition) -> bool:
    """Whether a decorator speaks for it: `@workflow.update(description=...)`, `@workflow.run`."""
    calls = [one for one in node.decorator_list if isinstance(one, ast.Call)]
    described = any(word.arg == "description" for one in calls for word in one.keywords)
    return described or any(ast.unparse(one) == "workflow.run" for one in node.decorator_list)


def silent(
    body: list[ast.stmt], classes: dict[str, ast.ClassDef], owner: ast.ClassDef | None = None
) -> Iterator[tuple[str, int]]:
    """Public names, with their lines, that nothing explains."""
    elsewhere = explained_above(owner, classes) if owner else set()
    for node in body:
        if not isinstance(node, Definition) or node.name.startswith("_"):
            continue
        if not (ast.get_docstring(node) or node.name in elsewhere or decorated_with_words(node)):
            yield node.name, node.lineno
        if isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}.{name}", line) for name, line in silent(node.body, classes, node))


def test_every_public_name_is_explained() -> None:
    files = list(sources(*ROOMS, "worker.py", "settings.py"))
    classes = classes_of(tree for _, tree in files)

    unexplained = [f"{path}:{line} {name}" for path, tree in files for name, line in silent(tree.body, classes)]

    assert not unexplained, "\n".join(unexplained)


def test_others_speak_only_for_what_they_name() -> None:
    tree = ast.parse('''
class Bird:
    """Flies."""

    def rest(self):
        """Until the morning."""

class Postman:
    """How letters leave."""

    def deliver(self):
        """Once."""

class Pigeon(Bird):
    """Satisfies `activities.ports.Postman` on fair days."""

    def rest(self): ...

    def deliver(self): ...

    @update(description="Come back")
    def recall(self): ...

    @update(name="feed")
    def feed(self): ...

    def _moult(self): ...
''')

    unexplained = list(silent(tree.body, classes_of([tree])))

    assert unexplained == [("Pigeon.feed", 25)]
