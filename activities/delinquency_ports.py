"""The port of recovery cases, beside `activities/ports.py` and under the same rules."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict

from billing.authority import Role
from billing.delinquency import Contest
from billing.holds import Hold
from billing.recovery import ArrangementRequest, ArrangementState, Ending, RecoveryStory


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Episode(_Record):
    """A tenant's case by its number, counted from 1; `case_id` is `delinquency/<tenant>/<number>`. `contacts` are the
    dunning mails that the case before it ended with."""

    case_id: str
    tenant_id: str
    number: int
    contacts: tuple[AwareDatetime, ...] = ()


class DelinquencyRow(_Record):
    """A case as it is on record; `story` None until it first told where it stands."""

    case_id: str
    tenant_id: str
    episode: int
    opened_at: AwareDatetime
    story: RecoveryStory | None = None
    ending: Ending | None = None
    closed_at: AwareDatetime | None = None


class ArrangementRow(_Record):
    """An arrangement as it is on record; `decided_by` None while nobody but its author was asked."""

    request: ArrangementRequest
    requested_at: AwareDatetime
    state: ArrangementState
    decided_by: str | None = None
    settled_at: AwareDatetime | None = None


class DelinquencyBook(Protocol):
    """Cases of recovery on record, one open episode a tenant, and what was arranged in them."""

    def open(self, tenant_id: str, now: datetime) -> Episode:
        """The tenant's open episode, or its next one. Raises NOT_FOUND for a tenant that is not on record."""

    def tell(self, story: RecoveryStory, now: datetime) -> None:
        """Put on record where the case stands; a closed one stays as it ended."""

    def close(self, story: RecoveryStory, now: datetime) -> None:
        """Put the story's ending on record, and take back what still waits for approval. Twice is once; another ending
        than the first is a CONFLICT."""

    def find(self, name: str) -> DelinquencyRow | None:
        """A case by its id, or a tenant's newest."""

    def latest(self, limit: int, *, only_open: bool = True) -> tuple[DelinquencyRow, ...]:
        """The newest first."""

    def open_tenants(self) -> tuple[str, ...]:
        """Whose case is open, by tenant."""

    def arrange(self, request: ArrangementRequest, path: Sequence[Role], now: datetime) -> ArrangementRow:
        """Put an arrangement on record: in force at once without a path, else frozen as a proposal that waits for the
        people on it. The same key again is the one that is there."""

    def put_in_force(self, op_key: str, now: datetime) -> ArrangementRow:
        """Let an approved arrangement count. Raises NOT_APPROVED until everybody on its path has said yes."""

    def settle(self, op_key: str, state: ArrangementState, now: datetime) -> None:
        """Note what became of it; a proposal that still waits is taken back."""

    def arranged(self, case_id: str) -> tuple[ArrangementRow, ...]:
        """Everything arranged in a case, oldest first."""

    def holds(self, tenant_id: str, since: datetime) -> tuple[Hold, ...]:
        """The holds on charging, on suspension and on writes that covered the tenant at any time since, oldest first."""

    def contests(self, tenant_id: str, since: datetime) -> tuple[Contest, ...]:
        """The disputes with us about the period of an invoice that were open at any time since, oldest first."""

    def deletion_began(self, tenant_id: str) -> bool:
        """Whether the retention purge has begun to delete the tenant's data, so that there is no way back."""
