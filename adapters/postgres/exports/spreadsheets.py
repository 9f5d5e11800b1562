"""Text that a spreadsheet must not take for a formula: found and defused in SQL, at the speed of COPY.

A value is dangerous when its first visible character is one of `= + - @`, in any width Unicode has for them, or when it
starts with a tab or a line break. It gets a leading apostrophe; numbers stay numbers, and everything else stays as it is.
"""

from __future__ import annotations

from psycopg import sql

# Characters that spreadsheets skip or hide in front of a formula: controls, spaces of all widths, zero-width marks.
_UNSEEN = r"[\u0001-\u0020\u007f-\u00a0\u00ad\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ufeff]"
_STARTS_FORMULA = r"[-=+@\u207a\u207b\u208a\u208b\u2212\ufe62\ufe63\ufe66\ufe6b\uff0b\uff0d\uff1d\uff20]"
_DANGEROUS = rf"^(?:{_UNSEEN}*{_STARTS_FORMULA}|[\t\r\n])"
_NUMBER = r"^[-+]?[0-9]+(?:\.[0-9]+)?$"

# Nearly every value starts with a letter, a digit or a slash. Two comparisons of bytes tell, and a regular expression on
# every value would cost more than the rest of the export.
_DEFUSED = sql.SQL("""
    case
        when {column} collate "C" >= 'A' and {column} collate "C" < '~' then {column}
        when {column} collate "C" >= '/' and {column} collate "C" < '=' then {column}
        when {column} ~ {dangerous} and {column} !~ {number} then '''' || {column}
        else {column}
    end as {name}
""")


def defused(column: str, *, table: str | None = None) -> sql.Composed:
    """A text column for a select list, harmless in a spreadsheet and under its own name; NULL stays NULL."""
    return _DEFUSED.format(
        column=sql.Identifier(table, column) if table else sql.Identifier(column),
        name=sql.Identifier(column),
        dangerous=sql.Literal(_DANGEROUS),
        number=sql.Literal(_NUMBER),
    )
