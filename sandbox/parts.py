"""Which parts the sandbox has, what each waits for, and the settings that make our own programs find them."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

import migrations
from adapters.stripe.event_types import ACTED_ON
from sandbox.part import Command, Declared, Part, Say, Step, Work
from sandbox.ports import LOOPBACK, RememberedPorts
from sandbox.postgres import ENVIRONMENT as POSTGRES_ENVIRONMENT
from sandbox.postgres import PostgresServer
from sandbox.programs import run_to_end
from sandbox.stripe.control import StripeControl
from sandbox.temporal import NAMESPACE, TemporalServer

ROOT = Path(__file__).parent.parent
DATABASE = "runbooks"
# Whatever says which stack a program talks to: the sandbox answers that alone.
PREFIX = "RUNBOOKS_"


@dataclass(frozen=True)
class SandboxOptions:
    """What the person who starts the sandbox may choose, and what the runbooks need registered."""

    speed: int = 1
    """Divides every duration of the policy."""
    recovery_speed: int | None = None
    """Divides those of payment recovery instead, which takes weeks."""
    search_attributes: Mapping[str, str] = field(default_factory=dict)
    """Name to type, as Temporal's command line spells it: `{"Runbook": "Keyword", "DueAt": "Datetime"}`."""


class Sandbox:
    """The sandbox of one data directory: its servers, ports and secrets, chosen once and kept.

    Make it only while holding the directory (`only_run`): a sandbox that runs there has the ports.
    `settings` are the environment variables by which `settings.py` finds every part; they hold passwords.
    """

    def __init__(self, data: Path, options: SandboxOptions) -> None:
        self.data = data.absolute()
        self.options = options
        ports = RememberedPorts(self.data / "ports.json")
        self.postgres = PostgresServer(self.data / "postgres", port=ports["postgres"])
        self.temporal = TemporalServer(
            self.data / "temporal", ports["temporal"], ports["temporal-ui"], options.search_attributes
        )
        self.stripe_port = ports["stripe"]
        self.smtp_port, self.mailbox_port = ports["smtp"], ports["mailbox"]
        self.api_port, self.metrics_port = ports["api"], ports["metrics"]
        self.settings = self._settings()

    def python(self, *words: str) -> Command:
        """One of our own programs, with the environment of the person who started the sandbox plus `settings`."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        environment = {**inherited, "PYTHONUNBUFFERED": "1", **self.settings}
        return Command([sys.executable, *words], environment, directory=ROOT)

    def _settings(self) -> dict[str, str]:
        return {
            "RUNBOOKS_DATA": str(self.data),
            "RUNBOOKS_DATABASE_URL": self.postgres.url(DATABASE),
            "RUNBOOKS_TEMPORAL_ADDRESS": self.temporal.address,
            "RUNBOOKS_TEMPORAL_NAMESPACE": NAMESPACE,
            "RUNBOOKS_STRIPE_API_BASE": f"http://{LOOPBACK}:{self.stripe_port}",
            "RUNBOOKS_STRIPE_API_KEY": "sk_test_sandbox",
            "RUNBOOKS_STRIPE_WEBHOOK_SECRET": self._kept_secret("stripe-webhook-secret"),
            "RUNBOOKS_SMTP_HOST": LOOPBACK,
            "RUNBOOKS_SMTP_PORT": str(self.smtp_port),
            "RUNBOOKS_MAIL_FROM": "Billing <billing@provider.example>",
            "RUNBOOKS_BILLING_PORTAL_URL": f"http://{LOOPBACK}:{self.stripe_port}/",
            "RUNBOOKS_TICKET_WEBHOOK_SECRET": self._kept_secret("ticket-webhook-secret"),
            "RUNBOOKS_PORTAL_SECRET": self._kept_secret("portal-secret"),
            "RUNBOOKS_USAGE_TOKEN": self._kept_secret("usage-token"),
            "RUNBOOKS_ACCESS_TOKEN": self._kept_secret("access-token"),
            "RUNBOOKS_API_HOST": LOOPBACK,
            "RUNBOOKS_API_PORT": str(self.api_port),
            "RUNBOOKS_METRICS_PORT": str(self.metrics_port),
            "RUNBOOKS_PUBLIC_URL": f"http://{LOOPBACK}:{self.api_port}",
            "RUNBOOKS_SPEED": str(self.options.speed),
            "RUNBOOKS_RECOVERY_SPEED": str(self.options.recovery_speed or self.options.speed),
        }

    def _kept_secret(self, name: str) -> str:
        file = self.data / name
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(secrets.token_urlsafe(24))
        return file.read_text().strip()


def sandbox_parts(sandbox: Sandbox) -> list[Declared]:
    """Every part and step in the order a reader expects them; what may start side by side does."""
    return [
        _postgres(sandbox.postgres),
        _temporal(sandbox.temporal),
        _stripe(sandbox),
        _mailbox(sandbox),
        Step("database", _make_database(sandbox.postgres), after=("postgres",)),
        Step("schema", _bring_up_to_date(sandbox.postgres), after=("database",)),
        Step("sample data", _load_sample_data(sandbox), after=("schema", "stripe")),
        # What the sample data did at Stripe lies in the past, and nobody is told of it.
        Step("stripe events", _have_events_sent(sandbox), after=("sample data",)),
        _worker(sandbox),
        _api(sandbox),
    ]


def _postgres(server: PostgresServer) -> Part:
    return Part(
        "postgres",
        prepare=server.prepare,
        command=lambda: Command(server.command, POSTGRES_ENVIRONMENT, run_as=server.run_as),
        ready=lambda: asyncio.to_thread(server.answers),
        addresses={"Postgres": f"{LOOPBACK}:{server.port}, database {DATABASE}"},
        stops_on=signal.SIGINT,
    )


def _temporal(server: TemporalServer) -> Part:
    return Part(
        "temporal",
        prepare=server.prepare,
        command=lambda: Command(server.command, {"HOME": str(server.home), "PATH": os.defpath}),
        ready=server.answers,
        addresses={"Temporal": server.address, "Temporal Web UI": server.ui},
    )


def _stripe(sandbox: Sandbox) -> Part:
    page = f"http://{LOOPBACK}:{sandbox.stripe_port}"
    words = ("-m", "sandbox.stripe", "--port", str(sandbox.stripe_port), "--data", str(sandbox.data / "stripe"))
    return Part(
        "stripe",
        command=lambda: sandbox.python(*words),
        ready=lambda: serves(page),
        addresses={"Stripe simulator": page},
    )


def _mailbox(sandbox: Sandbox) -> Part:
    page = f"http://{LOOPBACK}:{sandbox.mailbox_port}"
    ports = ("--smtp-port", str(sandbox.smtp_port), "--http-port", str(sandbox.mailbox_port))
    return Part(
        "mailbox",
        command=lambda: sandbox.python("-m", "sandbox.mailbox", *ports, "--data", str(sandbox.data / "mailbox")),
        ready=lambda: serves(f"{page}/healthz"),
        addresses={"Mailbox": page, "SMTP": f"{LOOPBACK}:{sandbox.smtp_port}"},
    )


def _make_database(server: PostgresServer) -> Work:
    async def make(say: Say) -> None:
        await asyncio.to_thread(server.ensure_database, DATABASE)

    return make


def _bring_up_to_date(server: PostgresServer) -> Work:
    async def upgrade(say: Say) -> None:
        await asyncio.to_thread(migrations.upgrade, server.url(DATABASE))

    return upgrade


def _load_sample_data(sandbox: Sandbox) -> Work:
    async def load(say: Say) -> None:
        command = sandbox.python("-m", "sandbox.sample_data")
        await run_to_end(command, sandbox.data / "logs" / "sample-data.log", say)

    return load


def _have_events_sent(sandbox: Sandbox) -> Work:
    def tell() -> None:
        with StripeControl(sandbox.settings["RUNBOOKS_STRIPE_API_BASE"]) as control:
            control.tell(
                f"{sandbox.settings['RUNBOOKS_PUBLIC_URL']}/webhooks/stripe",
                list(ACTED_ON),
                sandbox.settings["RUNBOOKS_STRIPE_WEBHOOK_SECRET"],
            )

    async def register(say: Say) -> None:
        await asyncio.to_thread(tell)

    return register


def _worker(sandbox: Sandbox) -> Part:
    """Not essential: a worker that dies is reported, its cases wait in Temporal, and another one may take over."""
    return Part(
        "worker",
        command=lambda: sandbox.python("worker.py"),
        ready=lambda: serves(f"http://{LOOPBACK}:{sandbox.metrics_port}/metrics"),
        after=("schema", "temporal", "stripe", "mailbox"),
        essential=False,
        stops_within_seconds=25.0,
    )


def _api(sandbox: Sandbox) -> Part:
    page = f"http://{LOOPBACK}:{sandbox.api_port}"
    return Part(
        "api",
        command=lambda: sandbox.python("-m", "console"),
        ready=lambda: serves(f"{page}/healthz"),
        addresses={"HTTP API": f"{page}/docs"},
        after=("schema", "temporal"),
    )


async def serves(url: str) -> bool:
    """Whether the address is answered without an error of the server's."""
    try:
        async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
            return not (await client.get(url)).is_server_error
    except httpx.HTTPError:
        return False
