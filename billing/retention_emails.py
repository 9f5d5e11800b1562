"""The letter about a retention purge, as a typed payload; see `billing.emails`."""

from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict


class PurgeNews(StrEnum):
    """Why a letter about a purge is written."""

    CONFIRM = "confirm"
    APPROVE = "approve"
    REPAIR = "repair"
    OVER = "over"


class RetentionNotice(BaseModel):
    """To operators: a plan waits to be confirmed or approved, a step needs a repair, or it is over. `plan` says how much in
    words; `why` is the question, what happened, or what came of it; `until` is when silence becomes a no."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    template: Literal["retention_notice"] = "retention_notice"
    news: PurgeNews
    case_id: str
    plan_id: str
    plan_sha256: str
    plan: str
    spared: int
    why: str
    ending: str = ""
    approval_id: str | None = None
    until: AwareDatetime | None = None
    reminder: int = 0
