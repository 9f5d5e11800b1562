"""The house keeps its shape: small files, short functions, one place for each kind of knowledge."""

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.house import HERE, ROOMS, files, sources

FORBIDDEN_NAMES = {"utils", "util", "common", "helpers", "helper", "manager", "service", "misc"}
LONGEST_FILE, LONGEST_FUNCTION = 350, 60


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_no_file_outgrows_one_idea() -> None:
    sizes = {str(path): (HERE / path).read_text().count("\n") for path in files(*ROOMS)}

    too_long = {path: lines for path, lines in sizes.items() if lines > LONGEST_FILE}

    assert not too_long


def test_no_function_outgrows_a_screen() -> None:
    functions = {
        f"{path}:{node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path, tree in sources(*ROOMS)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }

    too_long = {name: lines for name, lines in functions.items() if lines > LONGEST_FUNCTION}

    assert not too_long


def test_every_module_says_what_it_is() -> None:
    silent = [str(path) for path, tree in sources(*ROOMS) if not ast.get_docstring(tree) and tree.body]

    assert not silent


def test_no_room_is_a_cupboard() -> None:
    cupboards = [str(path) for path in files(*ROOMS) if FORBIDDEN_NAMES & {path.stem, *path.parent.parts}]

    assert not cupboards


@pytest.mark.parametrize(
    "forbidden", ["datetime.now", "datetime.utcnow", "date.today", "time.time", "random.", "os.environ"]
)
def test_runbooks_and_rules_read_no_clock_and_no_environment(forbidden: str) -> None:
    users = [str(path) for path in files("workflows", "billing") if forbidden in (HERE / path).read_text()]

    assert not users


def test_only_the_settings_read_the_environment() -> None:
    readers = [
        str(path)
        for path in files("billing", "activities", "adapters", "workflows", "starters", "console")
        if "os.environ" in (HERE / path).read_text() or "os.getenv" in (HERE / path).read_text()
    ]

    assert not readers


def test_sql_is_spoken_only_in_the_postgres_room() -> None:
    speakers = [
        str(path)
        for path, tree in sources(*ROOMS)
        if any(name.split(".")[0] in {"sqlalchemy", "psycopg"} for name in imported(tree))
        and not str(path).startswith(("adapters/postgres/", "sandbox/"))
    ]

    # The policy shelf and the composition root only hand an Engine on.
    assert set(speakers) <= {"adapters/policies.py"}


def test_money_never_meets_a_float() -> None:
    floats = [
        f"{path}:{node.lineno}"
        for path, tree in sources("billing")
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id == "float" and path.name not in {"clocks.py", "disputes.py"}
    ]

    # clocks.py scales durations, disputes.py names the type only to refuse it.
    assert not floats
