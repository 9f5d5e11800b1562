"""What a person gets to read when something is wrong: a sentence and an exit code, never a stack trace.

2 is for input that can be corrected, 1 for everything that went wrong on our side.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import typer
from pydantic import ValidationError
from typer.core import TyperGroup

from billing.failures import BillingFailure, FailureCode
from settings import SettingsError
from starters.cli.terminal import clean, complain
from starters.permissions import NotAllowedError, UnknownOperatorError

FAILED, BAD_INPUT = 1, 2
_LONGEST_VALUE = 80
# What a pattern means, by the last part of a field's name.
_IN_WORDS = {
    "ticket_id": "write letters, digits, '.', '_' or '-', at most 64, beginning with a letter or digit",
    "tenant_id": "write the customer's id as it stands on the invoice",
    "operator_id": "write small letters, digits, '@', '.', '_' or '-', such as lead-7@ops.example",
    "email": "write one address, such as accounts@acme.example",
    "name": "write one line of printable characters",
    "subject": "write one line of printable characters",
}

_IN_A_SANDBOX = "Is the stack running? `runbooks up` starts one here; --data DIR or RUNBOOKS_... name another."


class BadInputError(Exception):
    """Something a person typed; the message names it and says what to do."""


def field_by_field(error: ValidationError, names: dict[str, str] | None = None) -> BadInputError:
    """Pydantic's findings as one line a field; `names` are the options that the fields are given by."""
    lines = []
    for flaw in error.errors(include_url=False, include_context=False):
        field = ".".join(str(part) for part in flaw["loc"]) or "input"
        why = flaw["msg"].removeprefix("Value error, ")
        if flaw["type"] == "string_pattern_mismatch":
            why = _IN_WORDS.get(str(flaw["loc"][-1]), why)
        given = "" if flaw["type"] == "missing" or isinstance(flaw["input"], (dict, list)) else flaw["input"]
        lines.append(f"{(names or {}).get(field, field)} {clean(given)[:_LONGEST_VALUE] if given != '' else ''}: {why}")
    return BadInputError("\n".join(line.replace(" :", ":") for line in lines))


class Commands(TyperGroup):
    """A group of commands that explains what goes wrong in them; `--debug` before the command lets it through."""

    def invoke(self, ctx: Any) -> Any:
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
            return str(field_by_field(error))
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
