"""The guides stay true: links, commands, routes, settings, figures and the tests that decisions name really exist."""

import ast
import re
import tempfile
import tomllib
from pathlib import Path

import pytest
import yaml
from fastapi.routing import APIRoute

from console import (
    access,
    access_by_hand,
    approvals,
    cases,
    corrections,
    delinquency,
    health,
    holds,
    invoices,
    month_end,
    payments,
    reconciliation,
    retention,
    stripe_events,
    usage,
    webhooks,
)
from console.portal import links
from settings import PREFIX, Settings
from tests.architecture.guides import (
    DECISIONS,
    GUIDES,
    HERE,
    blocks_in,
    commands_in,
    leads_somewhere,
    names_of_tests,
    understood,
)
from tests.architecture.house import ROOMS, sources
from workflows.blocks import attributes

OPERATIONS = (HERE / "docs" / "operations.md").read_text()
# Variables that are no settings of a running program.
OTHER_VARIABLES = {"ENV_FILE", "KEEP_HISTORIES", "CRASH", "VERSION"}

# Where this machine keeps the repository, homes and scratch files, and where any machine keeps homes and free ports.
_PLACES = {HERE.parent, Path.home(), Path(tempfile.gettempdir())} - {Path("/")}
OF_ONE_MACHINE = "|".join(
    [*(re.escape(f"{place}/") for place in sorted(_PLACES)), r"/(?:home|Users)/\w+/", r"localhost:\d{5}"]
)

each_guide = pytest.mark.parametrize("guide", GUIDES, ids=lambda path: str(path.relative_to(HERE)))


def test_there_are_guides_to_check() -> None:
    names = {str(path.relative_to(HERE)) for path in GUIDES}

    assert {"README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/operations.md"} <= names
    assert len(DECISIONS) > 15


@each_guide
def test_every_link_leads_somewhere(guide: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", guide.read_text())

    local = [target for target in targets if not target.startswith(("http://", "https://"))]
    broken = [target for target in local if not leads_somewhere(guide, target)]

    assert not broken


@each_guide
def test_every_path_of_the_house_that_is_named_exists(guide: Path) -> None:
    named = re.findall(r"`((?:[a-z_]+/)+[A-Za-z0-9_.-]*)`", guide.read_text())

    rooms = {path.name for path in HERE.iterdir() if path.is_dir()}
    missing = [name for name in named if name.split("/")[0] in rooms and not (HERE / name).exists()]

    assert not missing


@each_guide
def test_every_command_that_is_quoted_exists_with_its_options(guide: Path) -> None:
    wrong = [words for words in commands_in(guide.read_text()) if (words and not understood(words))]

    assert not wrong


def test_every_command_that_our_own_sentences_name_exists_with_its_options() -> None:
    texts = (
        (path, node.value)
        for path, tree in sources(*ROOMS, "settings.py", "worker.py")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    named = [(path, command) for path, text in texts for command in re.findall(r"`runbooks ([a-z][^`\n]*)`", text)]

    wrong = [f"{path}: runbooks {command}" for path, command in named if not understood(command.split())]

    assert len(named) > 40
    assert not wrong


@each_guide
def test_every_make_target_and_variable_that_is_quoted_exists(guide: Path) -> None:
    text = guide.read_text()
    targets = set(re.findall(r"^([a-z]+):", (HERE / "Makefile").read_text(), re.MULTILINE))
    variables = {name.upper() for name in Settings.model_fields} | OTHER_VARIABLES

    unknown_targets = set(re.findall(r"(?:`|^)make ([a-z]+)", text, re.MULTILINE)) - targets
    unknown_variables = set(re.findall(rf"\b{PREFIX}([A-Z_]*[A-Z])\b", text)) - variables

    assert not unknown_targets
    assert not unknown_variables


@each_guide
def test_every_route_that_is_quoted_is_served(guide: Path) -> None:
    parts = (
        access,
        access_by_hand,
        approvals,
        cases,
        corrections,
        delinquency,
        health,
        holds,
        invoices,
        links,
        month_end,
        payments,
        reconciliation,
        retention,
        stripe_events,
        usage,
        webhooks,
    )
    served = {
        (method, re.sub(r":path\}", "}", route.path))
        for part in parts
        for route in part.router.routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }

    quoted = set(re.findall(r"`(GET|POST) (/(?!v1/)[^\s`]*)`", guide.read_text()))

    assert not quoted - served


@each_guide
def test_no_guide_speaks_of_one_machine(guide: Path) -> None:
    traces = re.findall(OF_ONE_MACHINE, guide.read_text())

    assert not traces


@pytest.mark.parametrize("page", DECISIONS, ids=lambda path: path.stem)
def test_every_decision_fits_a_page_and_names_the_tests_that_hold_it(page: Path) -> None:
    text = page.read_text()
    sections = re.findall(r"^## (.+)$", text, re.MULTILINE)

    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text.partition("## Enforced by")[2])
    missing = [f"{file}::{test}" for file, test in named if test not in names_of_tests(file)]

    assert sections == ["Context", "Decision", "Consequences", "Enforced by"]
    assert named
    assert not missing
    assert text.startswith(f"# {page.name[:4]} ")
    assert text.count("\n") <= 80


def test_the_index_lists_every_decision_by_its_title() -> None:
    index = (HERE / "docs" / "decisions" / "README.md").read_text()

    titles = {page: page.read_text().splitlines()[0].removeprefix("# ") for page in DECISIONS}
    unlisted = [page.name for page, title in titles.items() if f"[{title}]({page.name})" not in index]

    assert not unlisted


def test_every_dependency_has_its_line() -> None:
    project = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(line for extra in project["optional-dependencies"].values() for line in extra),
    ]
    page = next(path for path in DECISIONS if path.stem.endswith("-dependencies")).read_text()

    names = {re.split(r"[\[>=<]", line)[0] for line in wanted}

    assert not {name for name in names if f"`{name}`" not in page}


def test_the_table_of_settings_is_the_one_in_the_code() -> None:
    rows = [
        f"| `{PREFIX}{name.upper()}` | {field.description} | {shown(field.default)} |"
        for name, field in Settings.model_fields.items()
    ]

    missing = [row for row in rows if row not in OPERATIONS]

    assert not missing
    assert OPERATIONS.count(f"| `{PREFIX}") == len(rows)


def test_operators_learn_of_every_alert_and_every_search_attribute() -> None:
    alerts = yaml.safe_load((HERE / "monitoring" / "alerts.yml").read_text())["groups"][0]["rules"]
    architecture = (HERE / "docs" / "architecture.md").read_text()

    untold = [rule["alert"] for rule in alerts if f"| {rule['alert']} |" not in OPERATIONS]

    assert not untold
    assert all(f"--name {name} --type {kind}\n" in OPERATIONS for name, kind in attributes.ALL.items())
    assert all(f"| {name} | {kind} |" in architecture for name, kind in attributes.ALL.items())


def test_the_zendesk_body_in_the_guide_is_one_we_can_read() -> None:
    body = next(block for language, block in blocks_in(OPERATIONS) if language == "json")
    sample = {
        "ticket.id": "35436",
        "ticket.title": "Too much",
        "ticket.description": "We see less.",
        "ticket.created_at_with_timestamp": "2026-11-04T05:35Z",
        "ticket.tags": "billing legal_threat",
        "ticket.requester.name": "Accounts payable",
        "ticket.requester.email": "ap@customer.example",
        "ticket.ticket_field_1": "brackenfield",
        "ticket.ticket_field_2": "2026-10",
        "ticket.ticket_field_3": "speech_seconds, api_calls",
        "ticket.ticket_field_4": "service_quality",
        "ticket.ticket_field_5": "2130.24",
        "ticket.ticket_field_6": "3080.24",
        "ticket.ticket_field_7": "USD",
    }

    filled = re.sub(r"\{\{(.+?)\}\}", lambda found: sample[found[1]], body)
    event = webhooks.read_zendesk_event(filled.encode())

    assert isinstance(event, webhooks.TicketCreated)
    assert event.ticket.legal_threat


def test_every_number_that_comments_cite_is_explained() -> None:
    explained = set(re.findall(r"^\| ([A-Z]\d+) \|", (HERE / "docs" / "requirements.md").read_text(), re.MULTILINE))
    rooms = ("billing", "activities", "adapters", "workflows", "starters", "console", "emails", "sandbox")
    code = "\n".join(path.read_text() for room in rooms for path in (HERE / room).rglob("*.py"))

    lists = re.findall(r"\(((?:[DCIBPU]\d{1,2}(?:, )?)+)(?:, [a-z ]+)?\)", code)
    cited = {number for group in lists for number in group.replace(",", " ").split()}

    assert cited
    assert not cited - explained


def shown(default: object) -> str:
    """A default as the table of settings shows it."""
    text = str(default).lower() if isinstance(default, bool) else str(default)
    return "" if default is None else f"`{text}`"
