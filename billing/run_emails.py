"""What letters about month ends may say; the other payloads are in `billing.emails`, under the same rules."""

from typing import Literal, TypeAlias

from pydantic import AwareDatetime, BaseModel, ConfigDict

from billing.authority import Role


class _Payload(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RunReviewRequested(_Payload):
    """To finance: a month end that did not pass by itself; `invoices` such as "1,204 invoices", `totals`, `flags` and
    `stopped` in sentences, the first of each. `reminder` counts from 0."""

    template: Literal["run_review_requested"] = "run_review_requested"
    approval_id: str
    case_id: str
    run_id: str
    period: str
    role: Role
    invoices: str
    totals: tuple[str, ...]
    reasons: tuple[str, ...]
    flags: tuple[str, ...]
    flagged: int
    stopped: tuple[str, ...]
    stopped_count: int
    question: str
    requested_by: str
    expires_at: AwareDatetime
    reminder: int = 0


class RunHandedOver(_Payload):
    """To operators: a month end waits for a repair."""

    template: Literal["run_handed_over"] = "run_handed_over"
    case_id: str
    period: str
    step: str
    what_happened: str
    dry_run: bool = False


class RunClosed(_Payload):
    """To finance: how a month end ended, with what it left for people; `issued` such as "1,204 invoices"
    or "nothing", lists hold the first of each."""

    template: Literal["run_closed"] = "run_closed"
    case_id: str
    run_id: str | None
    period: str
    ending: str
    why: str
    issued: str
    totals: tuple[str, ...]
    reconciled: str = ""
    stopped: tuple[str, ...]
    stopped_count: int
    left: tuple[str, ...]
    left_count: int


RunPayload: TypeAlias = RunReviewRequested | RunHandedOver | RunClosed
