"""Writing rows into quarantine, as they were sent."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import Connection, text

from adapters.usage_files.blocks import Flaw

_LONGEST_KEPT = 2_000

_SET_ASIDE = text("""
    insert into usage_quarantine (load_id, line, field, reason, row)
    select :load_id, line, field, reason, row
    from jsonb_to_recordset(cast(:flaws as jsonb)) as flaw(line bigint, field text, reason text, row jsonb)
    order by line
    on conflict (load_id, line) do nothing
""")


def set_aside(connection: Connection, load_id: str, flaws: Sequence[Flaw]) -> int:
    """Put rows into quarantine under their load; returns how many were not there yet."""
    if not flaws:
        return 0
    rows = [
        {"line": flaw.line, "field": flaw.field, "reason": flaw.reason, "row": _keepable(flaw.row)} for flaw in flaws
    ]
    return connection.execute(_SET_ASIDE, {"load_id": load_id, "flaws": json.dumps(rows)}).rowcount


def _keepable(row: dict[str, str | None]) -> dict[str, str | None]:
    """What Postgres can hold: text without NULs and of bounded length."""
    return {name: _kept(value) for name, value in row.items()}


def _kept(value: str | None) -> str | None:
    if value is None:
        return None
    return value[:_LONGEST_KEPT].replace("\0", "�").encode("utf-8", "replace").decode()
