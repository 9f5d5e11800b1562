"""What cases share in a worker never changes: runbooks run in one copy of their code, and rules are passed through to it."""

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.house import sources

CHANGES = {
    "add", "append", "appendleft", "clear", "difference_update", "discard", "extend", "insert", "intersection_update",
    "pop", "popitem", "popleft", "remove", "reverse", "setdefault", "sort", "update",
}  # fmt: skip
# What makes the copies, and a memory of equal records that nobody can tell from the records.
MEMORIES = {"workflows/blocks/sandbox.py", "billing/sharing.py"}


def held_by_a_module(tree: ast.Module) -> set[str]:
    """Every name that a module holds; what its functions bind is their own."""
    names = {"cls"}
    for node in tree.body:
        match node:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                names.add(node.name)
            case ast.Import() | ast.ImportFrom():
                imported = {alias.asname or alias.name for alias in node.names}
                names |= {name for name in imported if not name.islower()}  # those are modules and functions
            case _:
                names |= bound_in(node)
    return names


def bound_in(node: ast.AST) -> set[str]:
    """The names that a piece of code gives a value."""
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}


def own_names(function: ast.AST) -> set[str]:
    """What is a function's own: its arguments and whatever it binds."""
    return bound_in(function) | {one.arg for one in ast.walk(function) if isinstance(one, ast.arg)} - {"cls"}


def root(node: ast.expr) -> str | None:
    """The name at which `a.b[c].d` begins."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def changes(tree: ast.Module) -> Iterator[ast.AST]:
    """Where a function changes what its module holds, or remembers its answers; and classes that hold a list or the like."""
    held = held_by_a_module(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            fields = [one.value for one in node.body if isinstance(one, ast.Assign)]
            yield from (one for one in fields if isinstance(one, ast.List | ast.Dict | ast.Set))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from (one for one in node.decorator_list if words(one).endswith(("cache", "lru_cache")))
            shared = held - own_names(node)
            yield from (one for one in inside(node) if isinstance(one, ast.Global) or changed_by(one) in shared)


def inside(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    return (one for statement in function.body for one in ast.walk(statement))


def changed_by(node: ast.AST) -> str | None:
    """The name of what a piece of code changes: `a` of `a.b = 1`, `a[1] = 2` and `a.append(3)`."""
    if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
        return root(node)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGES:
        return root(node.func)
    return None


def words(decorator: ast.expr) -> str:
    """Without what it is given: `functools.lru_cache` of `functools.lru_cache(8)`."""
    return ast.unparse(decorator).split("(")[0]


@pytest.mark.parametrize("room", ["workflows", "billing"])
def test_nothing_that_cases_share_is_ever_changed(room: str) -> None:
    changed = [
        f"{path}:{getattr(node, 'lineno', 0)} {ast.unparse(node)}"
        for path, tree in sources(room)
        if str(path) not in MEMORIES
        for node in changes(tree)
    ]

    assert not changed


def test_whoever_keeps_something_between_cases_is_found() -> None:
    found = [ast.unparse(node) for node in changes(ast.parse(_KEEPS))]

    assert set(found) == {
        "[]", "global COUNT", "SEEN.append(order)", "BY_NAME[order]", "Runbook.last", "cls.first", "cache", "lru_cache(8)"
    }  # fmt: skip


_KEEPS = """
SEEN, BY_NAME, COUNT = [], {}, 0

class Runbook:
    heard = []

    def hear(self, order):
        global COUNT
        SEEN.append(order)
        BY_NAME[order] = self
        Runbook.last = order
        own = []
        own.append(order)
        self.seen.append(order)

    @classmethod
    def begin(cls):
        cls.first = 1

@cache
def read(): ...

@lru_cache(8)
def look(): ...
"""
