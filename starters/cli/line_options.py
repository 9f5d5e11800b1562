"""`--line 3 --quantity 1200 --line 4 --amount 12.00`: options that belong to the one before them, as they were typed."""

from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import typer
from typer.core import TyperCommand

from starters.cli.mistakes import BadInputError
from starters.corrections import Fix

_ORDER = "the options in the order in which they were typed"


class InOrder(TyperCommand):
    """A command that remembers in which order its options were typed."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse as ever, and keep the order aside."""
        _, _, typed = self.make_parser(ctx).parse_args(args=list(args))
        ctx.meta[_ORDER] = [option.name for option in typed]
        return super().parse_args(ctx, args)


def lines_and_amount(
    context: typer.Context, lines: Sequence[int], quantities: Sequence[str], amounts: Sequence[str]
) -> tuple[list[Fix], str | None]:
    """Each line with what should have stood there, and the amount that belongs to no line.

    A quantity or an amount belongs to the line before it; the first amount of a command without lines is the invoice's.
    """
    fixes: list[Fix] = []
    whole: str | None = None
    given: dict[str, Iterator[Any]] = {"line": iter(lines), "quantity": iter(quantities), "amount": iter(amounts)}
    for option in context.meta.get(_ORDER, ()):
        if option not in given:
            continue
        value = next(given[option])
        match option:
            case "line":
                _is_complete(fixes)
                fixes.append(Fix(line=value))
            case "amount" if not fixes and whole is None:
                whole = value
            case _:
                fixes[-1:] = [_said(fixes, option, value)]
    _is_complete(fixes)
    return fixes, whole


def _said(fixes: list[Fix], option: str, value: str) -> Fix:
    """The last line with what it should have said."""
    if not fixes:
        raise BadInputError(f"--{option} {value}: say which line it is of first, as in --line 3 --{option} {value}")
    line = fixes[-1].line
    if fixes[-1] != Fix(line=line):
        raise BadInputError(f"--line {line}: give either its correct --quantity or its correct --amount, once")
    return Fix(line=line, quantity=_number(line, value)) if option == "quantity" else Fix(line=line, amount=value)


def _number(line: int, text: str) -> str:
    try:
        return str(Decimal(text.replace(",", "")))
    except InvalidOperation:
        raise BadInputError(
            f"--quantity {text}: write the correct quantity of line {line} as a number, such as 1200"
        ) from None


def _is_complete(fixes: list[Fix]) -> None:
    if fixes and fixes[-1] == Fix(line=fixes[-1].line):
        raise BadInputError(f"--line {fixes[-1].line}: say what is correct, with --quantity or --amount behind it")
