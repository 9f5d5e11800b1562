"""What operators may send about a case, without what we know already: who they are and when it was."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from billing.cases import Reason
from billing.disputes import Resolution, Text
from billing.money import Currency
from billing.spelling import Spelled


class _Wish(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ReplyWish(_Wish):
    """What the customer answered elsewhere; the same `reply_id` counts once, a missing one is made up."""

    text: Annotated[Text, StringConstraints(min_length=1)]
    reply_id: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = None


class QuestionWish(_Wish):
    """What the customer is asked."""

    text: Annotated[str, StringConstraints(min_length=3, max_length=4_000)]


class WithdrawalWish(_Wish):
    """Why the customer no longer contests the bill."""

    reason: Annotated[str, StringConstraints(max_length=2_000)] = ""


class JudgementWish(_Wish):
    """A person's resolution; `amount` in major units as text, such as "120.00", zero when the bill is right."""

    resolution: Resolution
    amount: Annotated[
        str, Spelled(r"[0-9]{1,12}(\.[0-9]{1,3})?", 'write an amount of zero or more, such as "120.00"')
    ] = "0"
    currency: Currency
    reason: Reason
    goodwill: bool = False


class ReasonWish(_Wish):
    """Why."""

    reason: Reason


class DecisionWish(_Wish):
    """Why, for the record; a rejection says it to whoever judges next."""

    reason: Annotated[str, StringConstraints(max_length=2_000)] = ""
