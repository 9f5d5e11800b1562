"""The sixth story: the worker dies between Stripe's commit and the answer, and exactly one credit exists afterwards."""

import asyncio
import os
import signal
from asyncio.subprocess import Process

import psutil

from billing.cases import Ending
from sandbox.demo.stage import Stage, StoryError, Told, expect
from sandbox.programs import spawn
from sandbox.sample_data.stories import ticket
from sandbox.stripe.control import StripeControl
from sandbox.stripe.faults import FaultKind

HELD_WITHIN_SECONDS = 60.0


async def the_worker_dies(stage: Stage) -> tuple[Told, Process]:
    """Hold Stripe's answer after its commit, kill the worker with SIGKILL, start another one, and count the credits.

    Returns the story and the new worker, which is the caller's to stop.
    """
    stripe = StripeControl(stage.sandbox.settings["RUNBOOKS_STRIPE_API_BASE"])
    stripe.fault(FaultKind.PAUSE, "/v1/credit_notes", attempts=(1,))
    case = await stage.ticket_arrives(ticket("T-4716"))
    await _held(stripe)
    victim = _worker(stage)
    os.kill(victim.pid, signal.SIGKILL)
    stripe.release()
    successor = await spawn(stage.sandbox.python("worker.py"), stage.sandbox.data / "logs" / "second-worker.log")
    story = await stage.ends(case)
    expect(story.ending, Ending.CREDITED, "the ending")
    notes = [
        note for note in stripe.state()["credit_note"] if note["metadata"].get("op_key", "").startswith(f"{case}/")
    ]
    expect(len(notes), 1, "credit notes at Stripe for this case")
    checked = (
        f"worker {victim.pid} killed with SIGKILL after Stripe's commit",
        f"exactly one credit note at Stripe: {notes[0]['id']}",
        f"disputed {story.disputed}, credited {story.credited}",
    )
    return Told(
        "The worker is killed between Stripe's commit and the answer", story, Ending.CREDITED, checked
    ), successor


async def _held(stripe: StripeControl) -> None:
    try:
        async with asyncio.timeout(HELD_WITHIN_SECONDS):
            while not stripe.held():  # noqa: ASYNC110 - another process holds it; there is no event to wait for
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise StoryError("the credit did not reach Stripe in time") from None


def _worker(stage: Stage) -> psutil.Process:
    """The sandbox's own worker: the child of ours that runs worker.py."""
    for child in psutil.Process().children(recursive=True):
        if any(word.endswith("worker.py") for word in child.cmdline()):
            return child
    raise StoryError("the sandbox's worker is not running")
