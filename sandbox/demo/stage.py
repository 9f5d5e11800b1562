"""The stage of the demo: signed tickets over HTTP, operators with their own tokens, and the case's own story to watch."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx

from billing import invoice_corrections, month_end, reconciling
from billing.cases import CaseStory, Ending
from billing.invoice_corrections import CorrectionStory
from billing.month_end import RunStory
from billing.reconciling import ReconciliationStory
from billing.recovery import Ending as RecoveryEnding
from billing.recovery import RecoveryStory
from billing.rungs import Rung
from console.signatures import sign
from sandbox.parts import Sandbox

# Longer than any story takes at the demo's pace; a story that stands still fails instead of hanging.
PATIENCE_SECONDS = 120.0
LOOK_EVERY_SECONDS = 0.2

AnyStory = TypeVar("AnyStory", CaseStory, RunStory, CorrectionStory, ReconciliationStory, RecoveryStory)


class StoryError(Exception):
    """A story did not go as it should; the message says what was expected and what was seen."""


@dataclass(frozen=True)
class Stage:
    """One running sandbox as the outside sees it."""

    sandbox: Sandbox
    http: httpx.AsyncClient
    tokens: dict[str, str] = field(default_factory=dict)

    @classmethod
    def on(cls, sandbox: Sandbox) -> "Stage":
        """Everything is asked over HTTP; close `http` afterwards."""
        http = httpx.AsyncClient(base_url=sandbox.settings["RUNBOOKS_PUBLIC_URL"], timeout=15, trust_env=False)
        return cls(sandbox, http, json.loads(Path(sandbox.data, "operators.json").read_text()))

    async def ticket_arrives(self, ticket: dict[str, Any]) -> str:
        """Deliver a ticket as the support desk does: signed. Returns the case id once the case is durably started."""
        event = {"event": "created", "ticket": {**ticket, "opened_at": datetime.now(UTC).isoformat()}}
        body = json.dumps(event).encode()
        headers = sign(body, self.sandbox.settings["RUNBOOKS_TICKET_WEBHOOK_SECRET"], datetime.now(UTC))
        accepted = await self.http.post("/webhooks/tickets", content=body, headers=headers)
        if accepted.status_code != httpx.codes.ACCEPTED:
            raise StoryError(f"ticket {ticket['ticket_id']} was answered {accepted.status_code}: {accepted.text}")
        return str(accepted.json()["case_id"])

    async def operator(self, name: str, path: str, *, key: str | None = None, **content: Any) -> dict[str, Any]:
        """An operator acts through the API, under an idempotency key where one is asked for; a refusal is an answer too, so
        look at what comes back."""
        headers = {"Authorization": f"Bearer {self.tokens[name]}"} | ({"Idempotency-Key": key} if key else {})
        answer = await self.http.post(path, json=content, headers=headers)
        if answer.is_server_error:
            raise StoryError(f"{name} got {answer.status_code} from {path}: {answer.text}")
        return dict(answer.json())

    async def typed(self, *words: str) -> str:
        """What a command answers that an operator types; raises StoryError when it refuses."""
        command = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("runbooks"),
            "--data",
            self.sandbox.data,
            *words,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await command.communicate()
        expect(command.returncode, 0, f"`runbooks {' '.join(words)}`, which said {said.decode()!r}")
        return said.decode()

    async def story(self, case_id: str) -> CaseStory:
        """The case as the API shows it to an operator; raises httpx.HTTPError when it shows none."""
        return CaseStory.model_validate_json((await self.read(f"/cases/{case_id}")).content)

    async def read(self, path: str) -> httpx.Response:
        """What the API shows an operator at a path; raises httpx.HTTPError when it shows nothing."""
        answer = await self.http.get(path, headers={"Authorization": f"Bearer {self.tokens['lead-1']}"})
        answer.raise_for_status()
        return answer

    async def until(self, case_id: str, what: str, seen: Callable[[CaseStory], bool]) -> CaseStory:
        """Watch a case until `seen`; raises StoryError naming `what` when it does not come."""
        return await self.watch(CaseStory, f"/cases/{case_id}", case_id, what, seen)

    async def watch(
        self, told: type[AnyStory], path: str, case_id: str, what: str, seen: Callable[[AnyStory], bool]
    ) -> AnyStory:
        """Watch whatever tells its story at `path` until `seen`; raises StoryError as `until` does."""

        async def asked() -> AnyStory | None:
            try:
                return told.model_validate_json((await self.read(path)).content)
            except httpx.HTTPError:  # a worker that is just being replaced answers again soon
                return None

        return await self.comes_to(asked, case_id, what, seen)

    async def comes_to(
        self,
        asked: Callable[[], Awaitable[AnyStory | None]],
        case_id: str,
        what: str,
        seen: Callable[[AnyStory], bool],
    ) -> AnyStory:
        """Ask for a story until `seen`; raises StoryError as `until` does."""
        story: AnyStory | None = None
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    story = await asked()
                    if story is not None and seen(story):
                        return story
                    await asyncio.sleep(LOOK_EVERY_SECONDS)
        except TimeoutError:
            where = "no answer"
            if story is not None:
                where = f"{story.rung if isinstance(story, RecoveryStory) else story.stage}: {story.next_step}"
            raise StoryError(f"{case_id} did not come to {what}; it is at {where}") from None

    async def ends(self, case_id: str) -> CaseStory:
        """The story once it has an ending; raises StoryError when it takes longer than `PATIENCE_SECONDS`."""
        return await self.until(case_id, "its end", lambda story: story.ending is not None)

    async def asks_for(self, case_id: str, role: str) -> str:
        """Wait for an open question to `role`; returns its approval id."""
        story = await self.until(
            case_id, f"a question to {role}", lambda story: story.approval is not None and story.approval.role == role
        )
        assert story.approval is not None  # noqa: S101 - it was just seen
        return story.approval.approval_id

    async def needs_judgement(self, case_id: str) -> None:
        """Wait until the case is an analyst's to judge; raises StoryError as `until` does."""
        await self.until(case_id, "an analyst", lambda story: story.stage == "waiting for an analyst")


def expect(found: object, wanted: object, what: str) -> None:
    """Raise StoryError unless both are equal."""
    if found != wanted:
        raise StoryError(f"{what}: expected {wanted}, found {found}")


@dataclass(frozen=True)
class Told:
    """A story that was played to its end: what it is about, how it ended or where it stands, and what was checked besides.

    `speed` is how many times faster than the policy it went, if not as fast as the others, and `since` what its days count
    from, if not from its first line.
    """

    title: str
    story: CaseStory | RunStory | CorrectionStory | ReconciliationStory | RecoveryStory
    ending: Ending | month_end.Ending | invoice_corrections.Ending | reconciling.Ending | RecoveryEnding | Rung
    checked: tuple[str, ...] = ()
    speed: int | None = None
    since: datetime | None = None

    @property
    def about(self) -> str:
        """Whom the case is about, or which month."""
        with_tenant = CaseStory | CorrectionStory | RecoveryStory
        return self.story.tenant_id if isinstance(self.story, with_tenant) else self.story.period

    @property
    def money(self) -> tuple[str, str]:
        """What was disputed and what was credited, as far as there is such a thing."""
        match self.story:
            case CaseStory():
                return str(self.story.disputed), str(self.story.credited or "–")
            case CorrectionStory():
                return "–", str(self.story.receipt.amount if self.story.receipt else "–")
            case _:
                return "–", "–"
