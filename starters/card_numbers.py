"""Card numbers that somebody typed never reach a case: they are taken out of whatever is said to one, on the way in.

Every door comes through here, and there is no other way: `starters.disputes` opens cases and speaks to them, and
`starters.decisions` signs what is decided. Ids are refused where they are read (`billing.redaction.no_card_number`).
"""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel

from billing.cases import Withdrawal
from billing.disputes import LINK_LENGTH_MAX
from billing.redaction import redact_card_numbers, redact_link

Message = TypeVar("Message", bound=BaseModel)

# The fields in which people write in their own words.
_WRITTEN = frozenset({"text", "reason", "subject", "description", "name"})


def without_card_numbers(message: Message) -> Message:
    """The message, with all that is in it, without card numbers in what people wrote and in links."""
    return message.model_copy(update={name: _harmless(message, name) for name in type(message).model_fields})


def _harmless(message: BaseModel, name: str) -> object:
    # Who withdraws may be anybody; everybody else is an operator with an id of ours.
    written = name in _WRITTEN or (name == "by" and isinstance(message, Withdrawal))
    match getattr(message, name):
        case BaseModel() as part:
            return without_card_numbers(part)
        case tuple() as parts:
            return tuple(without_card_numbers(part) if isinstance(part, BaseModel) else part for part in parts)
        case str() as link if name == "link":
            return redact_link(link)[:LINK_LENGTH_MAX]
        case str() as text if written:
            return _fitting(message, name, redact_card_numbers(text))
        case untouched:
            return untouched


def _fitting(message: BaseModel, name: str, text: str) -> str:
    """The replacement may be longer than the number was, and a text must still fit its field when it is read again."""
    limits = (getattr(limit, "max_length", None) for limit in type(message).model_fields[name].metadata)
    return text[: next((longest for longest in limits if longest), None)]
