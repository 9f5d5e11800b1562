"""What a tenant's service is limited to: one standing for each tenant, the strictest of what each cause asks for.

Gateways read the standing; delinquency, overage and operators each set and lift their own limit and never another's.
"""

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from billing.authority import RUNBOOK
from billing.spelling import KEPT
from billing.tenants import TenantId
from billing.wording import percent

FULL, NOTHING = Decimal(1), Decimal(0)

# Gateways show it to callers, so it says nothing that only we should know.
WhyLimited = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=400), KEPT]
# Of the usual rate; written alike whether it comes from a request or, with all four places, from the database.
Share = Annotated[Decimal, Field(ge=0, le=1, max_digits=5, decimal_places=4), AfterValidator(Decimal.normalize)]


class Restriction(StrEnum):
    """What is left of the service, from all of it to nothing; declared from mild to strict."""

    NONE = "none"
    RATE_LIMITED = "rate_limited"
    NEW_REQUESTS_BLOCKED = "new_requests_blocked"
    SUSPENDED = "suspended"
    DELETED = "deleted"

    @property
    def strictness(self) -> int:
        """Its place in the order, from 0."""
        return list(Restriction).index(self)


class Cause(StrEnum):
    """Who asks for a limit; each cause has at most one limit a tenant."""

    DELINQUENCY = "delinquency"
    OVERAGE = "overage"
    OPERATOR = "operator"


class _Order(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant_id: TenantId
    cause: Cause
    reason: WhyLimited
    case_id: Annotated[str, Field(min_length=1)]
    step: Annotated[str, Field(min_length=1)]
    by: str = RUNBOOK

    @property
    def op_key(self) -> str:
        """The step of the case: the same one twice changes nothing, whatever happened in between."""
        return f"{self.case_id}/access/{self.step}"


class RestrictionOrder(_Order):
    """Limit a tenant for one cause, in place of what this cause asked for before; `none` lifts it.

    `rate_share` is the part of the usual request rate that is left, 0.1 for a tenth. It counts for `rate_limited`, strictly
    between 0 and 1; every other restriction has a share of its own, and what is given is replaced by it.
    """

    restriction: Restriction
    rate_share: Annotated[Share, Field(validate_default=True)] = NOTHING

    @field_validator("rate_share")
    @classmethod
    def _share_of_its_restriction(cls, share: Decimal, known: ValidationInfo) -> Decimal:
        match known.data.get("restriction"):
            case Restriction.RATE_LIMITED:
                if not NOTHING < share < FULL:
                    raise ValueError(f"a rate limit leaves more than 0 and less than 1 of the rate, got {share}")
                return share
            case Restriction.NONE:
                return FULL
            case _:
                return NOTHING


class LiftOrder(_Order):
    """Lift the limit of one cause; what other causes ask for stays."""


class Limit(BaseModel):
    """What one cause asks for, since when and under which case; never `none`."""

    model_config = ConfigDict(frozen=True)

    cause: Cause
    restriction: Restriction
    rate_share: Share
    reason: str
    since: AwareDatetime
    case_id: str
    by: str


class AccessStanding(BaseModel):
    """What a tenant's service is limited to now, and by whom. `revision` grows with every change of it, from 0.

    `since` is None as long as nothing was ever limited. `held` says, in the answer to an order, which hold kept the order
    from being carried out: nothing was changed then, and the same order may be given again.
    """

    model_config = ConfigDict(frozen=True)

    tenant_id: str
    restriction: Restriction = Restriction.NONE
    rate_share: Share = FULL
    cause: Cause | None = None
    reason: str = ""
    since: AwareDatetime | None = None
    revision: int = 0
    limits: tuple[Limit, ...] = ()
    held: str | None = None

    def in_words(self) -> str:
        """One sentence for people: `limited to 10 % of the usual rate (delinquency)`."""
        if self.held:
            return f"left at {service_in_words(self.restriction, self.rate_share)}: {self.held}"
        words = service_in_words(self.restriction, self.rate_share)
        return f"{words} ({self.cause})" if self.cause else words


class AccessChange(BaseModel):
    """One order that was carried out: by whom, for which cause and why; `none` lifted its limit."""

    model_config = ConfigDict(frozen=True)

    at: AwareDatetime
    by: str
    cause: Cause
    restriction: Restriction
    rate_share: Share
    reason: str
    case_id: str


def service_in_words(restriction: Restriction, rate_share: Decimal) -> str:
    """What is left of the service, for people."""
    match restriction:
        case Restriction.NONE:
            return "full service"
        case Restriction.RATE_LIMITED:
            return f"limited to {percent(rate_share)} of the usual rate"
        case Restriction.NEW_REQUESTS_BLOCKED:
            return "new requests blocked"
        case Restriction.SUSPENDED:
            return "suspended"
        case Restriction.DELETED:
            return "deleted"


def strictest(limits: Iterable[Limit]) -> Limit | None:
    """The limit that counts: the strictest, of rate limits the one that leaves least, of equals the oldest."""
    return min(
        limits,
        key=lambda limit: (-limit.restriction.strictness, limit.rate_share, limit.since, limit.cause),
        default=None,
    )
