"""Every public name says what the name cannot: in a docstring of its own, or where its reader looks for it.

A method of a class that "Satisfies `X`" is explained by the port `X`; a message to a runbook by the `description` of its
decorator, which the Temporal UI shows.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence, Set

from tests.architecture.house import ROOMS, sources

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

SATISFIES = re.compile(r"\b[Ss]atisfies `(?:\w+\.)*(\w+)`")


def said_by_ports() -> dict[str, set[str]]:
    """The methods that each Protocol explains."""
    return {
        node.name: {one.name for one in node.body if isinstance(one, Definition) and ast.get_docstring(one)}
        for _, tree in sources(*ROOMS)
        for node in tree.body
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "Protocol" for base in node.bases)
    }


def described(node: Definition) -> bool:
    """Whether a decorator has the words, as `@workflow.update(description=...)` does."""
    given = {word.arg for one in node.decorator_list if isinstance(one, ast.Call) for word in one.keywords}
    return "description" in given


def silent(
    body: Sequence[ast.stmt], ports: Mapping[str, Set[str]], explained: Set[str] = frozenset()
) -> Iterator[tuple[str, int]]:
    """Public names, with their lines, that nothing explains; `explained` are methods that a port speaks for."""
    for node in body:
        if not isinstance(node, Definition) or node.name.startswith("_"):
            continue
        text = ast.get_docstring(node) or ""
        if not (text or node.name in explained or described(node)):
            yield node.name, node.lineno
        if isinstance(node, ast.ClassDef):
            promised = {method for port in SATISFIES.findall(text) for method in ports.get(port, ())}
            yield from ((f"{node.name}.{name}", line) for name, line in silent(node.body, ports, promised))


def test_every_public_name_is_explained() -> None:
    ports = said_by_ports()

    unexplained = [
        f"{path}:{line} {name}"
        for path, tree in sources(*ROOMS, "benchmarks", "worker.py", "settings.py")
        for name, line in silent(tree.body, ports)
    ]

    assert not unexplained, "\n".join(unexplained)


def test_a_port_and_a_description_speak_only_for_what_they_name() -> None:
    ports = {"Postman": {"deliver"}}
    tree = ast.parse('''
class Pigeon:
    """Satisfies `activities.ports.Postman` on fair days."""

    def deliver(self): ...

    @update(description="Come back")
    def recall(self): ...

    @update(name="feed")
    def feed(self): ...

    def _rest(self): ...
''')

    unexplained = list(silent(tree.body, ports))

    assert unexplained == [("Pigeon.feed", 11)]
