"""Serving the simulator: in this process for tests, or as a process of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import TracebackType

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from sandbox.ports import LOOPBACK
from sandbox.stripe.app import simulator_app

START_WITHIN_SECONDS = 10.0


class BreakableProtocol(H11Protocol):
    """Hands the connection to the application, so that it can break it as a failing network would."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Remember the transport in the state of every request on this connection."""
        # Head and body are written apart; held back by Nagle's algorithm, the body would cost each answer 40 ms.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


class Simulator:
    """A simulator in a thread of this process, so that blocking and asyncio clients can both talk to it."""

    def __init__(self, data: Path | None = None, validate: bool = False, port: int = 0) -> None:
        self._socket = socket.create_server((LOOPBACK, port))
        self._server = _Quiet(_config(data, validate))
        self._thread = threading.Thread(target=self._run, name="stripe-simulator", daemon=True)

    @property
    def url(self) -> str:
        """Its address, such as `http://127.0.0.1:40123`."""
        return f"http://{LOOPBACK}:{self._socket.getsockname()[1]}"

    def start(self) -> Simulator:
        """Start, and return when it answers; raises `RuntimeError` when it does not."""
        self._thread.start()
        if not self._server.ready.wait(START_WITHIN_SECONDS):
            raise RuntimeError(f"the Stripe simulator did not start within {START_WITHIN_SECONDS:.0f} s")
        return self

    def stop(self) -> None:
        """Stop and wait until it has."""
        self._server.should_exit = True
        self._thread.join(START_WITHIN_SECONDS)
        self._socket.close()

    def __enter__(self) -> Simulator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))


def start_simulator(data: Path | None = None, validate: bool = False) -> Simulator:
    """A started simulator on a free port; stop it with `stop()`, or use it as a context manager."""
    return Simulator(data, validate).start()


@asynccontextmanager
async def running(data: Path | None = None, validate: bool = False) -> AsyncIterator[Simulator]:
    """A simulator for the length of a block."""
    simulator = await asyncio.to_thread(start_simulator, data, validate)
    try:
        yield simulator
    finally:
        await asyncio.to_thread(simulator.stop)


def serve(port: int, data: Path | None, validate: bool, requests_a_second: float | None = None) -> None:
    """Serve on a loopback port until SIGINT or SIGTERM."""
    config = _config(data, validate, requests_a_second)
    config.host, config.port = LOOPBACK, port
    uvicorn.Server(config).run()


class _Quiet(uvicorn.Server):
    """A server that leaves the process's signals alone and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


def _config(data: Path | None, validate: bool, requests_a_second: float | None = None) -> uvicorn.Config:
    return uvicorn.Config(
        simulator_app(data, validate, requests_a_second),
        http=BreakableProtocol,
        ws="none",
        log_level="error",
        access_log=False,
        timeout_graceful_shutdown=1,  # calls that hang on purpose must not keep it from stopping
    )
