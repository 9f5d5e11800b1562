"""Starts the sandbox's parts, watches them, and stops them again: exactly those, in reverse, however it ends."""

from __future__ import annotations

import asyncio
import signal
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from sandbox.part import Declared, Part, Step, refuse_muddle
from sandbox.processes import Identity, signal_group
from sandbox.programs import spawn, stop
from sandbox.progress import Board, State
from sandbox.run_record import RunRecord

READY_POLL_SECONDS = 0.05
LOG_TAIL_LINES = 15
INTERRUPTED = 130

Then = Callable[[], Awaitable[int]]


async def supervise(
    declared: Sequence[Declared],
    logs: Path,
    board: Board,
    record: RunRecord,
    *,
    settings: Mapping[str, str] | None = None,
    then: Then | None = None,
) -> int:
    """Run what is declared until Ctrl-C or SIGTERM, or until `then` is done; the exit code to end with.

    `settings` are recorded once everything is ready; then `then` runs, whose result is the exit code. A failure is
    reported on the board and ends with 1; being stopped before everything was ready, or amid `then`, with 130. Call it
    on the main thread: the kernel ends what a thread started when the thread ends.
    """
    refuse_muddle(declared)
    return await _Run(declared, logs, board, record).until_stopped(settings or {}, then)


@dataclass(frozen=True)
class _Running:
    part: Part
    process: Process
    log: Path


class _PartFailedError(Exception):
    """A part or step failed; the arguments are its name, what happened, and the end of its log."""


class _Run:
    """One run: what is ready, what runs in the order it was started, and whether it is being stopped."""

    def __init__(self, declared: Sequence[Declared], logs: Path, board: Board, record: RunRecord) -> None:
        self._declared = declared
        self._logs = logs
        self._board = board
        self._record = record
        self._ready = {one.name: asyncio.Event() for one in declared}
        self._running: list[_Running] = []
        self._failures: asyncio.Queue[_PartFailedError] = asyncio.Queue()
        self._watchers: set[asyncio.Task[None]] = set()
        self._idle = False  # everything stands and nothing is left to do but to stay

    async def until_stopped(self, settings: Mapping[str, str], then: Then | None) -> int:
        """Bring everything up, stay up, and bring everything down."""
        self._logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        story = asyncio.create_task(self._up_and_on(settings, then))
        failed = asyncio.create_task(self._failures.get())
        with _signals_to(story):
            try:
                await asyncio.wait({story, failed}, return_when=asyncio.FIRST_COMPLETED)
                if failed.done():
                    return self._reported(failed.result())
                if story.cancelled():
                    return 0 if self._idle else INTERRUPTED
                return story.result()
            except _PartFailedError as failure:
                return self._reported(failure)
            finally:
                for task in (story, failed):
                    task.cancel()
                await asyncio.gather(story, failed, return_exceptions=True)
                await self._down()

    async def _up_and_on(self, settings: Mapping[str, str], then: Then | None) -> int:
        with self._board.shown([one.name for one in self._declared]):
            await _all_or_first_failure([self._bring_up(one) for one in self._declared])
        self._record.ready(settings)
        parts = [one for one in self._declared if isinstance(one, Part)]
        self._board.addresses({word: address for part in parts for word, address in part.addresses.items()})
        if then is not None:
            return await then()
        self._idle = True
        self._board.tell("The sandbox is up. Ctrl-C stops it; its data stays.")
        await asyncio.Event().wait()
        return 0

    # -- up ------------------------------------------------------------------------------------------------------

    async def _bring_up(self, one: Declared) -> None:
        for name in one.after:
            await self._ready[name].wait()
        self._board.set(one.name, State.STARTING)
        try:
            await (self._start(one) if isinstance(one, Part) else self._do(one))
        except _PartFailedError as failure:
            self._board.set(one.name, State.FAILED, failure.args[1])
            if not isinstance(one, Part) or one.essential:
                raise
        else:
            self._board.set(one.name, State.READY)
        self._ready[one.name].set()

    async def _do(self, step: Step) -> None:
        try:
            await step.work(lambda words: self._board.set(step.name, State.STARTING, words))
        except Exception as problem:
            raise _PartFailedError(step.name, "was not done", f"{type(problem).__name__}: {problem}") from problem

    async def _start(self, part: Part) -> None:
        log = self._logs / f"{part.name}.log"
        if log.exists():
            log.replace(log.with_suffix(".previous.log"))
        try:
            await asyncio.to_thread(part.prepare)
            process = await spawn(part.command(), log, dies_on=part.stops_on)
        except Exception as problem:
            raise _PartFailedError(
                part.name, "could not be started", f"{type(problem).__name__}: {problem}"
            ) from problem
        running = _Running(part, process, log)
        self._running.append(running)
        with suppress(psutil.NoSuchProcess):  # over already; the wait below tells why
            self._record.started(part, Identity.of(process.pid), log)
        await self._until_ready(running)
        watcher = asyncio.create_task(self._watch(running))
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)

    async def _until_ready(self, running: _Running) -> None:
        part, process = running.part, running.process
        try:
            async with asyncio.timeout(part.ready_within_seconds):
                while not await part.ready():
                    if process.returncode is not None:
                        self._ended(running)
                        raise self._failure(running, f"ended while starting ({_how(process.returncode)})")
                    await asyncio.sleep(READY_POLL_SECONDS)
        except TimeoutError:
            problem = f"did not get ready within {part.ready_within_seconds:g} s"
            raise self._failure(running, problem) from None

    # -- on ------------------------------------------------------------------------------------------------------

    async def _watch(self, running: _Running) -> None:
        """Report the end of a part that nobody asked to end; this task is cancelled before parts are stopped."""
        code = await running.process.wait()
        self._ended(running)
        failure = self._failure(running, f"ended by itself ({_how(code)})")
        if running.part.essential:
            self._failures.put_nowait(failure)
        elif not self._board.is_foretold(running.part.name):
            self._reported(failure)
            self._board.tell(f"The sandbox goes on without {running.part.name}.")

    def _ended(self, running: _Running) -> None:
        """Take with it what is left of its group, now: later its pid may belong to somebody else."""
        signal_group(running.process.pid, signal.SIGKILL)
        self._running.remove(running)
        self._record.ended(running.part.name)

    def _failure(self, running: _Running, what: str) -> _PartFailedError:
        tail = running.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return _PartFailedError(running.part.name, what, "\n".join([f"The end of {running.log}:", *tail]))

    def _reported(self, failure: _PartFailedError) -> int:
        name, what, evidence = failure.args
        self._board.report(f"{name} {what}.", evidence)
        return 1

    # -- down ----------------------------------------------------------------------------------------------------

    async def _down(self) -> None:
        for watcher in self._watchers:
            watcher.cancel()
        if self._running:
            self._board.tell("Stopping: " + ", ".join(running.part.name for running in reversed(self._running)))
        for running in reversed(self._running):
            await stop(running.process, running.part.stops_on, running.part.stops_within_seconds)
            self._record.ended(running.part.name)


def _how(code: int) -> str:
    """How a process ended: a negative code is the signal that ended it."""
    return f"exit {code}" if code >= 0 else signal.Signals(-code).name


async def _all_or_first_failure(work: list[Coroutine[None, None, None]]) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for one in work:
                group.create_task(one)
    except* _PartFailedError as failures:
        raise failures.exceptions[0] from None


@contextmanager
def _signals_to(task: asyncio.Task[int]) -> Iterator[None]:
    """SIGINT and SIGTERM end the task in order while the block runs, instead of tearing the loop."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, task.cancel)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
