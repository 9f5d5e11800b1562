"""What letters to operators about usage and its caps may say; those to customers are in `billing.recovery_emails`."""

from decimal import Decimal
from typing import Literal, TypeAlias

from pydantic import AwareDatetime, BaseModel, ConfigDict


class _Payload(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OverageReview(_Payload):
    """To account managers (I7): a customer whom nothing limits by itself reached `percent` of what its contract includes
    of a meter; quantities in the meter's units."""

    template: Literal["overage_review"] = "overage_review"
    case_id: str
    tenant_id: str
    meter: str
    percent: int
    used: Decimal
    included: Decimal
    period_ends: AwareDatetime


class UsageLimitsNotChecked(_Payload):
    """To engineering: an hour's usage could not be held against its caps; the next hour's check looks again."""

    template: Literal["usage_limits_not_checked"] = "usage_limits_not_checked"
    case_id: str
    what_happened: str


OveragePayload: TypeAlias = OverageReview | UsageLimitsNotChecked
