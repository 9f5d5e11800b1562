"""What operators may send about a case, without what we know already: who they are and when it was."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from billing.cases import Answer, Inquiry, Reason, Remark, ReplyId
from billing.disputes import Category, Resolution, Sha256
from billing.holds import HeldEffect
from billing.invoice_corrections import Deed
from billing.money import Currency
from billing.periods import BillingMonth
from billing.policy.credits import Payback
from billing.spelling import Spelled
from billing.tenants import MeterName, TenantId
from starters.access import ByHand

# An amount in major units as text; its currency is said beside it, or is the invoice's.
MajorUnits = Annotated[str, Spelled(r"[0-9]{1,12}(\.[0-9]{1,3})?", 'write an amount of zero or more, such as "120.00"')]
Quantity = Annotated[str, Spelled(r"[0-9]{1,18}(\.[0-9]{1,6})?", 'write a quantity of zero or more, such as "1200"')]


class _Wish(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ReplyWish(_Wish):
    """What the customer answered elsewhere; the same `reply_id` counts once, a missing one is made up."""

    text: Answer
    reply_id: ReplyId | None = None


class QuestionWish(_Wish):
    """What the customer is asked."""

    text: Inquiry


class WithdrawalWish(_Wish):
    """Why the customer no longer contests the bill."""

    reason: Remark = ""


class JudgementWish(_Wish):
    """A person's resolution; `amount` in major units as text, such as "120.00", zero when the bill is right."""

    resolution: Resolution
    amount: MajorUnits = "0"
    currency: Currency
    reason: Reason
    goodwill: bool = False


class ReasonWish(_Wish):
    """Why."""

    reason: Reason


class LimitWish(_Wish):
    """What is left of a service, and why, which gateways may show to whoever calls; `rate_share` of the usual request rate as
    text, such as "0.1" for a tenth, for `rate_limited` and nothing else."""

    to: ByHand
    rate_share: Annotated[str, Spelled(r"0\.[0-9]{1,6}", 'write a share between 0 and 1, such as "0.1"')] | None = None
    reason: Reason

    @model_validator(mode="after")
    def _share_of_a_rate_limit(self) -> Self:
        if (self.rate_share is not None) != (self.to is ByHand.RATE_LIMITED):
            raise ValueError("rate_share: rate_limited needs one, and nothing else has one")
        return self


class DecisionWish(_Wish):
    """Why, for the record; a rejection says it to whoever judges next."""

    reason: Remark = ""


class RunWish(_Wish):
    """Which run of a period: everybody, or only whom the last run left out; a dry run issues nothing."""

    dry_run: bool = False
    only_parked: bool = False


class HoldWish(_Wish):
    """What is to be stopped and why; neither tenant nor meter: for everybody, never both."""

    effect: HeldEffect
    tenant_id: TenantId | None = None
    meter: MeterName | None = None
    reason: Reason


class PeriodWish(_Wish):
    """The month that is to be compared with the provider."""

    period: BillingMonth


class ConfirmationWish(_Wish):
    """What a person confirms for good: the hash of the plan that they read, and the word CONFIRM."""

    plan_sha256: Sha256
    word: Annotated[str, Field(max_length=40)]


class LineWish(_Wish):
    """What a line of an invoice should have said: its correct quantity, or its correct amount in major units."""

    line: Annotated[int, Field(ge=1)]
    quantity: Quantity | None = None
    amount: MajorUnits | None = None


class CorrectionWish(_Wish):
    """What is to be done to an invoice. A credit gives either an `amount` back, in major units of the invoice's currency, or
    what its `lines` bill too much; a void and a write-off take the whole invoice."""

    deed: Deed
    amount: MajorUnits | None = None
    lines: Annotated[tuple[LineWish, ...], Field(max_length=200)] = ()
    payback: Payback | None = None
    category: Category | None = None
    reason: Reason
