"""The whole sandbox as a person meets it: started by a command, stopped by Ctrl-C or worse, found again the next day."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil
import psycopg
import pytest

from sandbox.parts import ROOT, Sandbox, SandboxOptions
from sandbox.ports import RememberedPorts, is_free

# Most of it loads the sample data, which takes its time while other tests run beside.
READY_SECONDS = 100


@pytest.fixture
def data(postgres_home: Path) -> Path:
    return postgres_home / "data"


def command(data: Path) -> list[str]:
    return [sys.executable, "-m", "sandbox", "--data", str(data)]


@contextmanager
def sandbox(data: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A running sandbox and its record; killed at the end if the test did not stop it."""
    with subprocess.Popen(command(data), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as run:
        try:
            yield run, ready(data, run)
        finally:
            run.kill()


def ready(data: Path, run: subprocess.Popen[str]) -> dict[str, Any]:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and run.poll() is None:
        if (data / "sandbox.json").exists():
            record: dict[str, Any] = json.loads((data / "sandbox.json").read_text())
            if record["pid"] == run.pid and "settings" in record:  # not the one that a killed run left
                return record
        time.sleep(0.05)
    run.kill()
    raise AssertionError(f"the sandbox did not get ready: {run.communicate()[0]}")


def gone(record: dict[str, Any], within_seconds: float = 10) -> bool:
    """Whether every process of the run has ended."""
    deadline = time.monotonic() + within_seconds
    pids = [process["pid"] for process in record["processes"].values()]
    while any(psutil.pid_exists(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(psutil.pid_exists(pid) for pid in pids)


def send_usage(data: Path, api: str) -> httpx.Response:
    """One event of now, sent as the guide says."""
    event = {"event_id": str(uuid4()), "tenant_id": "tarnwick", "event_time": datetime.now(UTC).isoformat()}
    event |= {"meter": "tokens_in", "quantity": "12.5", "route": "/", "trace_id": str(uuid4()), "api_key_id": "key-1"}
    token = (data / "usage-token").read_text()
    signed_in = {"Authorization": f"Bearer {token}"}
    return httpx.post(f"{api}/usage/events", json={"events": [event]}, headers=signed_in, trust_env=False)


@pytest.mark.timeout(3 * READY_SECONDS)
def test_a_killed_sandbox_leaves_nothing_running_and_the_next_one_finds_its_data_and_addresses(data: Path) -> None:
    with sandbox(data) as (killed, first):
        with psycopg.connect(first["settings"]["RUNBOOKS_DATABASE_URL"]) as session:
            session.execute("create table kept (id int)")
        refused = subprocess.run(command(data), cwd=ROOT, capture_output=True, text=True, check=False)
        taken = send_usage(data, first["settings"]["RUNBOOKS_PUBLIC_URL"])
        killed.kill()
        killed.communicate(timeout=20)
    nothing_left = gone(first)

    with sandbox(data) as (stopped, second):
        with psycopg.connect(second["settings"]["RUNBOOKS_DATABASE_URL"]) as session:
            kept = session.execute("select to_regclass('kept')").fetchone()
        stopped.send_signal(signal.SIGINT)
        printed, _ = stopped.communicate(timeout=20)

    assert refused.returncode == 1
    assert f"A sandbox already runs on {data} (pid {first['pid']}" in refused.stdout
    assert (taken.status_code, taken.json()["stored"]) == (200, 1)
    assert nothing_left
    assert (kept, second["settings"]) == (("kept",), first["settings"])
    assert stopped.returncode == 0
    assert gone(second)
    assert "Temporal Web UI" in printed
    assert first["settings"]["RUNBOOKS_DATABASE_URL"].split("@")[0] not in printed


def test_a_port_that_somebody_else_took_is_replaced_and_the_others_stay(tmp_path: Path) -> None:
    before = RememberedPorts(tmp_path / "ports.json")
    mail, web = before["mail"], before["web"]

    with socket.create_server(("127.0.0.1", mail)):
        after = RememberedPorts(tmp_path / "ports.json")
        replaced, kept = after["mail"], after["web"]

    assert kept == web
    assert replaced not in (mail, web)
    assert is_free(replaced)


@pytest.mark.parametrize("memory", ["", "{", "[]", '{"mail": "no number"}', '{"mail": 70000}'])
def test_a_torn_memory_of_ports_costs_new_ports_only(tmp_path: Path, memory: str) -> None:
    (tmp_path / "ports.json").write_text(memory)

    assert is_free(RememberedPorts(tmp_path / "ports.json")["mail"])


def test_the_settings_that_a_person_exported_do_not_leak_into_the_sandbox(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNBOOKS_STRIPE_API_KEY", "sk_live_of_a_real_account")
    monkeypatch.setenv("LANG", "C.UTF-8")

    environment = Sandbox(data, SandboxOptions(speed=1000, recovery_speed=5000)).python("worker.py").environment

    assert environment["RUNBOOKS_STRIPE_API_KEY"] == "sk_test_sandbox"
    assert (environment["RUNBOOKS_SPEED"], environment["RUNBOOKS_RECOVERY_SPEED"]) == ("1000", "5000")
    assert environment["LANG"] == "C.UTF-8"
