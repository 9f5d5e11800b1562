"""The production shape fits the code: settings, search attributes and metrics it names really exist."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from settings import PREFIX, Settings
from workflows.blocks import attributes

HERE = Path(__file__).parents[2]
COMPOSE = HERE / "docker-compose.yml"
SECRETS = {
    "POSTGRES_PASSWORD": "x",
    "RUNBOOKS_STRIPE_API_KEY": "x",
    "RUNBOOKS_SMTP_HOST": "mail.example",
    "RUNBOOKS_MAIL_FROM": "billing@provider.example",
    "RUNBOOKS_TICKET_WEBHOOK_SECRET": "x",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
}

# Ours among the compose file's services.
PARTS = ("worker", "console")
# What production does not set here, and where it is decided instead.
SET_ELSEWHERE = {
    "RUNBOOKS_TEMPORAL_API_KEY",  # a hosted Temporal takes the place of this file's own
    "RUNBOOKS_TEMPORAL_TLS",
    "RUNBOOKS_TASK_QUEUE",  # the default
    "RUNBOOKS_STRIPE_API_BASE",  # a simulator's
    "RUNBOOKS_SPEED",  # the sandbox's
    "RUNBOOKS_RECOVERY_SPEED",  # the sandbox's
    "RUNBOOKS_EVIDENCE_DIR",  # the image's
    "RUNBOOKS_DOCUMENTS_DIR",  # the image's
}


def compose_command() -> list[str] | None:
    for words in (["docker", "compose"], ["docker-compose"]):
        if (
            shutil.which(words[0])
            and subprocess.run([*words, "version"], capture_output=True, check=False).returncode == 0
        ):
            return words
    return None


def test_docker_compose_accepts_the_file() -> None:
    command = compose_command()
    if command is None:
        pytest.skip("neither `docker compose` nor docker-compose is installed here")

    checked = subprocess.run([*command, "config"], cwd=HERE, env=SECRETS, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stderr


def test_every_setting_in_the_compose_file_is_one_we_read() -> None:
    named = {name for name in re.findall(r"\bRUNBOOKS_[A-Z_]+\b", COMPOSE.read_text()) if name != "RUNBOOKS_VERSION"}

    unknown = {name for name in named if name.removeprefix(PREFIX).lower() not in Settings.model_fields}

    assert not unknown


def test_every_part_is_given_the_settings_that_it_reads() -> None:
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    table = (HERE / "docs" / "operations.md").read_text()

    missing = [
        f"{name} for the {part}"
        for name, readers in re.findall(rf"^\| `({PREFIX}\w+)` \|.*\| ([a-z, 0-9]+) \|$", table, re.MULTILINE)
        for part in PARTS
        if ({part, "all"} & set(re.split(r", | ", readers))) and name not in services[part]["environment"]
    ]

    assert not [one for one in missing if one.split()[0] not in SET_ELSEWHERE]


def test_only_the_worker_holds_the_key_to_the_support_desk() -> None:
    services = yaml.safe_load(COMPOSE.read_text())["services"]

    holders = {
        name for name, service in services.items() if f"{PREFIX}ZENDESK_API_TOKEN" in service.get("environment", {})
    }

    assert holders == {"worker"}


def test_production_registers_the_search_attributes_that_the_runbooks_set() -> None:
    command = yaml.safe_load(COMPOSE.read_text())["services"]["search-attributes"]["command"]

    names = [word.removeprefix("--name=") for word in command if word.startswith("--name=")]
    types = [word.removeprefix("--type=") for word in command if word.startswith("--type=")]

    assert dict(zip(names, types, strict=True)) == attributes.ALL


def test_nothing_is_published_beyond_this_machine_and_every_image_has_a_version() -> None:
    services = yaml.safe_load(COMPOSE.read_text())["services"]

    published = [port for service in services.values() for port in service.get("ports", [])]
    images = [service["image"] for service in services.values()]

    assert all(port.startswith("127.0.0.1:") for port in published)
    assert all(":" in image and not image.endswith(":latest") for image in images)


def test_alerts_and_dashboards_speak_of_metrics_that_exist_and_name_their_teams() -> None:
    alerts = yaml.safe_load((HERE / "monitoring" / "alerts.yml").read_text())["groups"][0]["rules"]
    panels = json.loads((HERE / "monitoring" / "grafana" / "dashboards" / "runbooks.json").read_text())["panels"]
    code = "".join(path.read_text() for room in ("console", "activities") for path in (HERE / room).rglob("*.py"))

    asked = " ".join(
        [*(rule["expr"] for rule in alerts), *(target["expr"] for panel in panels for target in panel["targets"])]
    )
    ours = {re.sub(r"_(total|bucket)$", "", name) for name in re.findall(r"\brunbooks_[a-z_]+", asked)}

    assert all(name in code for name in ours)
    assert all({"responsible", "accountable"} <= rule["labels"].keys() for rule in alerts)
