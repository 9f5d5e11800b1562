"""API keys, and who authenticated with them from where."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, text

from adapters.postgres.tables import api_keys
from sandbox.sample_data.defects import FAILED_GUESSES, GUESSES_UNTIL, REPORTED_AT, STOLEN_KEY, STRANGE_NETWORK
from sandbox.sample_data.streams import Stream
from sandbox.sample_data.writing import insert_new

_MADE = datetime(2026, 1, 5, 9, tzinfo=UTC)

# A session lasts some hours; once in a while a deploy starts with yesterday's secret and fails once.
_SESSIONS = """
    insert into authentication_logs (tenant_id, api_key_id, network, at, succeeded)
    select tenant_id, api_key_id, network,
        (day + interval '1 minute' * (session * 190 + get_byte(h, 0))) at time zone 'UTC', get_byte(h, 1) > 3
    from jsonb_to_recordset(cast(:users as jsonb)) as key_user(
            tenant_id text, api_key_id text, network text, first_day date, last_day date)
        cross join lateral generate_series(cast(first_day as timestamp), last_day, interval '1 day') as day
        cross join lateral generate_series(1, 5) as session
        cross join lateral (select sha256(convert_to(api_key_id || network || day || session, 'UTF8')) as h) as chance
"""

_GUESSES = """
    insert into authentication_logs (tenant_id, api_key_id, network, at, succeeded)
    select :tenant_id, :api_key_id, :network, cast(:until as timestamptz) - interval '7 seconds' * number, false
    from generate_series(1, :guesses) as number
"""


def issue_keys(connection: Connection, streams: Sequence[Stream]) -> None:
    """Record every key that a stream uses."""
    owners = {stream.api_key_id: stream.tenant_id for stream in streams}
    insert_new(connection, api_keys, [_key(key, owner) for key, owner in sorted(owners.items())])


def log_authentications(connection: Connection, streams: Sequence[Stream]) -> None:
    """Write the sessions of every key and network, and the failed guesses at the stolen key before its first use."""
    users = {
        (stream.tenant_id, stream.api_key_id, stream.network): (stream.first_day, stream.last_day)
        for stream in sorted(streams, key=lambda stream: stream.last_day)
    }
    rows = [
        {"tenant_id": tenant, "api_key_id": key, "network": network, "first_day": first, "last_day": last}
        for (tenant, key, network), (first, last) in sorted(users.items())
    ]
    connection.execute(text(_SESSIONS), {"users": json.dumps(rows, default=str)})
    intruder = next(stream for stream in streams if stream.network == STRANGE_NETWORK)
    connection.execute(
        text(_GUESSES),
        {
            "tenant_id": intruder.tenant_id,
            "api_key_id": STOLEN_KEY,
            "network": STRANGE_NETWORK,
            "until": GUESSES_UNTIL,
            "guesses": FAILED_GUESSES,
        },
    )


def _key(api_key_id: str, tenant_id: str) -> dict[str, Any]:
    stolen = api_key_id == STOLEN_KEY
    return {
        "api_key_id": api_key_id,
        "tenant_id": tenant_id,
        "created_at": _MADE,
        "reported_compromised_at": REPORTED_AT if stolen else None,
        "revoked_at": REPORTED_AT if stolen else None,
    }
