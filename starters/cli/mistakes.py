"""What a person gets to read when something is wrong: a sentence and an exit code, never a stack trace.

2 is for input that can be corrected, 1 for everything that went wrong on our side.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

import typer
from pydantic import ValidationError
from typer.core import TyperGroup

from billing.failures import BillingFailure, FailureCode
from settings import SettingsError
from starters.cli.terminal import clean, complain
from starters.flaws import in_words, place_of, value_of, worth_telling
from starters.permissions import NotAllowedError, UnknownOperatorError

FAILED, BAD_INPUT = 1, 2
# What the fields of messages are typed as, where the command does not say.
_TYPED_AS = {
    "text": "--text",
    "reason": "--reason",
    "reply_id": "--reply-id",
    "operator_id": "OPERATOR",
    "email": "--email",
    "name": "--name",
}
_IN_A_SANDBOX = "Is the stack running? `runbooks up` starts one here; --data DIR or RUNBOOKS_... name another."


class BadInputError(Exception):
    """Something a person typed; the message names it and says what to do."""


def field_by_field(error: ValidationError, names: Mapping[str, str] | None = None) -> BadInputError:
    """Pydantic's findings as one line a field; `names` are the options that the fields are given by."""
    lines = []
    for flaw in worth_telling(error.errors(include_url=False)):
        field = place_of(flaw) or "input"
        known = (names or {}).get(field) or (names or {}).get(field.partition(".")[0], field)
        given = "" if isinstance(flaw["input"], (dict, list)) else value_of(flaw)
        lines.append(f"{f'{known} {clean(given) if given else given}'.strip()}: {in_words(flaw)}")
    return BadInputError("\n".join(lines))


class Commands(TyperGroup):
    """A group of commands that explains what goes wrong in them; `--debug` before the command lets it through."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was chosen; what it raises ends as words on stderr and an exit code."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as mistake:
            mistake.message = mistake.message.removeprefix("Value error, ")
            raise
        except (typer.Exit, typer.Abort, typer.exceptions.TyperException):
            raise
        except BrokenPipeError:
            # `runbooks case list | head`: whoever read has seen enough, and flushing at exit must not complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(FAILED) from None
        except Exception as error:
            if ctx.find_root().params.get("debug"):
                raise
            complain(_words(error))
            raise typer.Exit(_code(error)) from None


def _words(error: Exception) -> str:
    match error:
        case BillingFailure(code=FailureCode.UNAVAILABLE):
            return f"{error}\n{_IN_A_SANDBOX}"
        case SettingsError():
            return f"{error}\n{_IN_A_SANDBOX}"
        case BillingFailure() | BadInputError() | UnknownOperatorError() | NotAllowedError():
            return str(error)
        case ValidationError():
            return str(field_by_field(error, _TYPED_AS))
        case OSError():
            return f"{error.filename or 'a file'}: {os.strerror(error.errno) if error.errno else error}"
        case _:
            return f"{type(error).__name__}: {clean(error)}\nRepeat it with `runbooks --debug ...` to see where."


def _code(error: Exception) -> int:
    match error:
        case BillingFailure(code=FailureCode.INVALID | FailureCode.NOT_FOUND):
            return BAD_INPUT
        case FileNotFoundError() | IsADirectoryError() | NotADirectoryError() | PermissionError():
            return BAD_INPUT
        case SettingsError() | BadInputError() | UnknownOperatorError() | ValidationError():
            return BAD_INPUT
        case _:
            return FAILED
