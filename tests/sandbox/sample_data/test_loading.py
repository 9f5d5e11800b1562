"""Loading: enough of everything, always the same, and never twice."""

from __future__ import annotations

import json
import stat
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection
from stripe import RateLimitError

from adapters.operator_keys import public_key_of
from sandbox.postgres import PostgresServer
from sandbox.sample_data import Loaded, load, loading
from sandbox.sample_data.__main__ import keep_tokens
from sandbox.sample_data.invoicing import CLOSED_MONTHS, invoiced_in
from sandbox.sample_data.roster import ROSTER
from sandbox.sample_data.streams import Stream
from sandbox.sample_data.traffic import lay_traffic
from sandbox.stripe.control import StripeControl
from sandbox.stripe.server import Simulator, start_simulator
from tests.sandbox.sample_data.audit import Audit
from tests.sandbox.sample_data.conftest import KEY


class CrashError(Exception):
    """Stands for whatever may end a program."""


def test_there_is_enough_of_everything(loaded: Loaded, audit: Audit) -> None:
    tiers = Counter(tenant.tier.value for tenant in ROSTER)

    assert loaded.tenants == len(ROSTER) >= 30
    assert all(tiers[tier] >= wanted for tier, wanted in {"enterprise": 8, "pro": 14, "free": 8}.items())
    assert {tenant.currency for tenant in ROSTER} == {"USD", "EUR", "JPY"}
    assert loaded.usage_events >= 500_000
    assert loaded.request_logs >= 150_000
    assert loaded.invoices == sum(len(invoiced_in(month)) for month in CLOSED_MONTHS)
    assert audit.one("select count(distinct meter) from usage_events") >= 5
    assert audit.one("select count(*) from authentication_logs") > 10_000


def test_usage_goes_on_beyond_both_ends_of_the_last_closed_month(audit: Audit) -> None:
    on_the_hour = audit.one(
        "select count(*) from usage_events where event_time = '2026-11-01 00:00+09' and tenant_id = 'kumosora'"
    )
    later = audit.one("select count(*) from usage_events where event_time >= '2026-11-02'")

    assert on_the_hour >= 1
    assert later > 5_000


def test_every_new_operator_gets_a_token_that_fits_the_stored_key(loaded: Loaded, audit: Audit) -> None:
    stored = dict(audit.rows("select operator_id, public_key from operators"))
    roles = {role for (role,) in audit.rows("select distinct role from operators")}

    assert stored == {who: public_key_of(token) for who, token in loaded.operator_tokens.items()}
    assert roles == {"agent", "lead", "engineering", "finance", "vp", "account_manager"}
    assert "token" not in repr(loaded)


def test_a_second_load_changes_nothing_and_returns_at_once(
    sample_url: str, sample_stripe: Simulator, loaded: Loaded, audit: Audit
) -> None:
    before = audit.fingerprint()
    started = time.monotonic()

    again = load(sample_url, sample_stripe.url, KEY)

    assert time.monotonic() - started < 10
    assert again.operator_tokens == {}
    assert (again.usage_events, again.mirrored_invoices) == (loaded.usage_events, loaded.mirrored_invoices)
    assert audit.fingerprint() == before


def test_a_load_that_was_interrupted_twice_goes_on_and_ends_with_the_same_books(
    audit: Audit,
    postgres_server: PostgresServer,
    database_maker: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database_maker("sample_data_interrupted")
    url = postgres_server.url("sample_data_interrupted")

    with start_simulator() as stripe, StripeControl(stripe.url) as at_stripe:
        with monkeypatch.context() as patched, pytest.raises(CrashError):
            patched.setattr(loading, "lay_traffic", _crashing_on_half_of_them)
            load(url, stripe.url, KEY)
        at_stripe.fault("rate_limit", "/v1/invoices/*/finalize", attempts=tuple(range(30, 100)))
        with pytest.raises(RateLimitError):
            load(url, stripe.url, KEY)
        at_stripe.clear_faults()
        in_the_end = load(url, stripe.url, KEY)
        mirrored = at_stripe.state()

    with psycopg.connect(url, autocommit=True) as books:
        assert Audit(books).fingerprint() == audit.fingerprint()
    assert len(mirrored["customer"]) == len(ROSTER)
    assert len(mirrored["invoice"]) == in_the_end.mirrored_invoices


def _crashing_on_half_of_them(connection: Connection, streams: Sequence[Stream]) -> None:
    if streams[0].tenant_id == ROSTER[0].tenant_id:
        raise CrashError
    lay_traffic(connection, streams)


def test_tokens_are_kept_for_their_owner_only_and_never_lost(tmp_path: Path) -> None:
    file = tmp_path / "data" / "operators.json"
    keep_tokens(file, {"lead-1": "lead-1:first"})

    keep_tokens(file, {})
    keep_tokens(file, {"lead-2": "lead-2:second"})

    assert json.loads(file.read_text()) == {"lead-1": "lead-1:first", "lead-2": "lead-2:second"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
