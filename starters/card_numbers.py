"""Card numbers that somebody typed never reach a case: they are taken out of whatever is said to one, on the way in."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel

from billing.cases import CustomerReply, Opening, Question
from billing.redaction import redact_card_numbers

Message = TypeVar("Message", bound=BaseModel)

# The replacement may be longer than the number was, and a text must still fit its field when it is read again.
_REASON_LONGEST = 2_000
_TEXT_LONGEST = {CustomerReply: 20_000, Question: 4_000}


def without_card_numbers(message: Message) -> Message:
    """The message with its `text` and `reason` free of card numbers; an opening's re-opening counts as well.

    A signed decision goes through `starters.decisions`, which does it before the signature.
    """
    if isinstance(message, Opening):
        again = message.reopening and without_card_numbers(message.reopening)
        return message.model_copy(update={"reopening": again})
    longest = {"text": _TEXT_LONGEST.get(type(message), 0), "reason": _REASON_LONGEST}
    typed = {name: getattr(message, name) for name in longest if name in type(message).model_fields}
    return message.model_copy(
        update={name: redact_card_numbers(words)[: longest[name]] for name, words in typed.items()}
    )
