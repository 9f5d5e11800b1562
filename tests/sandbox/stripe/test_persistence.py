"""The simulator as a process of its own: what it answered for survives its death, and a new one goes on from there."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import requests
import stripe

from sandbox.ports import free_port
from sandbox.stripe.control import StripeControl
from sandbox.stripe.faults import FaultKind
from sandbox.stripe.server import running, start_simulator
from sandbox.stripe.state.store import Store

START_WITHIN_SECONDS = 30
FORM = {"authorization": "Bearer sk_test_x", "content-type": "application/x-www-form-urlencoded"}
Start = Callable[[], tuple[subprocess.Popen[bytes], stripe.StripeClient, StripeControl]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the simulator on the same data and port as before; all are ended with the test."""
    port = free_port()
    started: list[subprocess.Popen[bytes]] = []
    sessions: list[requests.Session] = []
    controls: list[StripeControl] = []

    def starting() -> tuple[subprocess.Popen[bytes], stripe.StripeClient, StripeControl]:
        command = [sys.executable, "-m", "sandbox.stripe", "--port", str(port), "--data", str(tmp_path)]
        process = subprocess.Popen(command)
        started.append(process)
        url = f"http://127.0.0.1:{port}"
        wait_until_served(url)
        sessions.append(requests.Session())
        http = stripe.RequestsClient(session=sessions[-1])
        controls.append(StripeControl(url))
        client = stripe.StripeClient("sk_test_x", base_addresses={"api": url}, http_client=http)
        return process, client, controls[-1]

    yield starting
    for session in sessions:
        session.close()
    for control in controls:
        control.close()
    for process in started:
        process.kill()
        process.wait()


def wait_until_served(url: str) -> None:
    deadline = time.monotonic() + START_WITHIN_SECONDS
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{url}/_sim/clock")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"the simulator did not answer at {url}")


def test_everything_that_was_answered_is_there_after_a_kill_in_full_flight(start: Start) -> None:
    process, client, _ = start()
    customer = client.v1.customers.create({"name": "Northwind"}).id
    answered: list[str] = []

    def keep_crediting() -> None:
        while True:
            try:
                entry = client.v1.customers.balance_transactions.create(customer, {"amount": -1, "currency": "usd"})
            except stripe.StripeError:
                return
            answered.append(entry.id)

    crediting = threading.Thread(target=keep_crediting)
    crediting.start()
    while len(answered) < 40:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    crediting.join()
    process.wait()
    _, client, _ = start()

    kept = [
        item.id for item in client.v1.customers.balance_transactions.list(customer, {"limit": 100}).auto_paging_iter()
    ]
    assert set(answered) <= set(kept)
    assert len(kept) - len(answered) in (0, 1)
    assert client.v1.customers.retrieve(customer).balance == -len(kept)


def test_keys_and_the_clock_survive_a_restart(tmp_path: Path) -> None:
    create = {"content": "name=Northwind", "headers": {**FORM, "idempotency-key": "case-7/customer"}}
    with start_simulator(tmp_path) as simulator, StripeControl(simulator.url) as control:
        first = httpx.post(f"{simulator.url}/v1/customers", **create).json()
        turned = control.advance(hours=5)

    with start_simulator(tmp_path) as simulator, StripeControl(simulator.url) as control:
        again = httpx.post(f"{simulator.url}/v1/customers", **create).json()
        now, customers = control.now(), control.state()["customer"]

    assert again == first
    assert [customer["id"] for customer in customers] == [first["id"]]
    assert 0 <= now - turned < 60


def test_an_effect_whose_answer_was_held_when_the_simulator_was_killed_is_replayed_by_the_next(start: Start) -> None:
    process, client, control = start()
    key = {"idempotency_key": "case-7/customer"}
    control.fault(FaultKind.PAUSE, "/v1/customers")

    def create() -> None:
        with pytest.raises(stripe.APIConnectionError):
            client.v1.customers.create({"name": "Northwind"}, key)

    creating = threading.Thread(target=create)
    creating.start()
    while not control.held():
        time.sleep(0.01)
    process.kill()
    process.wait()
    creating.join()
    _, client, _ = start()

    again = client.v1.customers.create({"name": "Northwind"}, key)

    assert again.last_response.headers["idempotent-replayed"] == "true"
    assert [customer.id for customer in client.v1.customers.list().data] == [again.id]


def test_a_refused_change_leaves_no_trace_in_memory_or_on_disk(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.sqlite")
    with store.transaction():
        store.put({"object": "customer", "id": "cus_1", "name": "before"})

    def refused() -> None:
        with store.transaction():
            store.put({"object": "customer", "id": "cus_1", "name": "after"})
            store.put({"object": "customer", "id": "cus_2", "name": "new"})
            raise ValueError

    with pytest.raises(ValueError):
        refused()
    in_memory = store.all("customer")
    store.close()
    reopened = Store(tmp_path / "state.sqlite")

    assert in_memory == reopened.all("customer") == [{"object": "customer", "id": "cus_1", "name": "before"}]
    reopened.close()


async def test_a_block_can_have_a_simulator_of_its_own() -> None:
    async with running() as simulator, httpx.AsyncClient() as http:
        answer = await http.get(f"{simulator.url}/_sim/clock")

    assert answer.json()["lead"] == 0
