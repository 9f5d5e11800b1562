"""Loading the sample data: step by step, each step in one transaction that a second load finds done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import stripe
from sqlalchemy import Engine, Exists, Table, exists, func, select, text

from adapters.postgres.engine import open_engine, transaction
from adapters.postgres.tables import authentication_logs, invoices, request_logs, tenants, usage_events
from sandbox.sample_data.accounts import open_accounts
from sandbox.sample_data.defects import EXTRA_STREAMS, LOGGED
from sandbox.sample_data.invoicing import CLOSED_MONTHS, invoice_id, invoiced_in, issue_invoices
from sandbox.sample_data.keys import log_authentications
from sandbox.sample_data.operators import hire
from sandbox.sample_data.payments import mirror
from sandbox.sample_data.rollups import roll_up
from sandbox.sample_data.roster import ROSTER
from sandbox.sample_data.streams import Stream, ordinary_streams
from sandbox.sample_data.traffic import lay_traffic

Progress = Callable[[str], None]

# As many tenants are written at a time as there are shares; each share is one transaction.
SHARES = 2
ONE_AT_A_TIME = 7_246_115
TOLD_EVERY = 10
STATEMENT_TIMEOUT = timedelta(minutes=5)


@dataclass(frozen=True)
class Loaded:
    """What is in the database after a load. `operator_tokens` holds the tokens of operators who were new, by operator
    id: write them down, they cannot be had again."""

    tenants: int
    usage_events: int
    request_logs: int
    invoices: int
    mirrored_invoices: int
    operator_tokens: dict[str, str] = field(default_factory=dict, repr=False)


def load(database_url: str, stripe_url: str | None, stripe_key: str, progress: Progress = lambda words: None) -> Loaded:
    """Fill a migrated database, and the provider at `stripe_url` (None: leave the provider out).

    May be repeated: what is there stays, what an interrupted load left out is made. `progress` hears a line now and then.
    Raises BillingFailure when the database is away and stripe.StripeError when the provider refuses.
    """
    engine = open_engine(database_url, application="sample-data", statement_timeout=STATEMENT_TIMEOUT)
    try:
        with _one_at_a_time(engine):
            _fill(engine, progress)
            if stripe_url is not None:
                _mirror(engine, stripe_url, stripe_key, progress)
            return _loaded(engine, hire(engine))
    finally:
        engine.dispose()


def all_streams() -> list[Stream]:
    """Every stream of the sample data, ordinary and planted."""
    return [*ordinary_streams(LOGGED), *EXTRA_STREAMS]


@contextmanager
def _one_at_a_time(engine: Engine) -> Iterator[None]:
    """A second load at the same time waits here, then finds everything done."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as session:
        session.execute(text("set lock_timeout = 0"))
        session.execute(text("select pg_advisory_lock(:key)"), {"key": ONE_AT_A_TIME})
        try:
            yield
        finally:
            session.execute(text("select pg_advisory_unlock(:key)"), {"key": ONE_AT_A_TIME})


def _fill(engine: Engine, progress: Progress) -> None:
    streams = all_streams()
    if _there(
        engine,
        exists().where(
            invoices.c.invoice_id == invoice_id(invoiced_in(CLOSED_MONTHS[-1])[-1].tenant_id, CLOSED_MONTHS[-1])
        ),
    ):
        return
    progress("tenants, contracts and keys")
    with transaction(engine) as connection:
        open_accounts(connection, streams)
    _traffic(engine, streams, progress)
    if not _there(engine, exists().where(authentication_logs.c.tenant_id == ROSTER[0].tenant_id)):
        with transaction(engine) as connection:
            log_authentications(connection, streams)
    progress("invoices")
    with transaction(engine) as connection:
        issue_invoices(connection)
        # So that the first investigation is planned by what is there, not by what an empty table suggested.
        connection.execute(text("set local default_statistics_target = 20"))
        connection.execute(text("analyze usage_events, request_logs, usage_daily"))


def _traffic(engine: Engine, streams: Sequence[Stream], progress: Progress) -> None:
    """The shares that are missing, side by side."""
    progress("usage events, request logs and daily roll-ups")
    with ThreadPoolExecutor(SHARES, thread_name_prefix="traffic") as pool:
        jobs = [pool.submit(_share, engine, share) for share in _shares(streams)]
        for job in as_completed(jobs):
            progress(f"usage of {job.result()} tenants")


def _shares(streams: Sequence[Stream]) -> list[list[Stream]]:
    """Whole tenants, dealt out in turn so that the shares are about equally large."""
    place = {tenant.tenant_id: position for position, tenant in enumerate(ROSTER)}
    return [[stream for stream in streams if place[stream.tenant_id] % SHARES == share] for share in range(SHARES)]


def _share(engine: Engine, streams: Sequence[Stream]) -> int:
    served = {stream.tenant_id for stream in streams}
    with transaction(engine) as connection:
        if not connection.execute(select(exists().where(usage_events.c.tenant_id.in_(served)))).scalar_one():
            lay_traffic(connection, streams)
            roll_up(connection, streams)
    return len(served)


def _mirror(engine: Engine, stripe_url: str, stripe_key: str, progress: Progress) -> None:
    client = stripe.StripeClient(stripe_key, base_addresses={"api": stripe_url}, max_network_retries=2)

    def tell(left: int) -> None:
        if left % TOLD_EVERY == 0:
            progress(f"customers and invoices at Stripe, {left} customers to go")

    mirror(engine, client, tell)


def _there(engine: Engine, rows: Exists) -> bool:
    with transaction(engine) as connection:
        return connection.execute(select(rows)).scalar_one()


def _loaded(engine: Engine, operator_tokens: dict[str, str]) -> Loaded:
    with transaction(engine) as connection:

        def count(table: Table) -> int:
            return connection.execute(select(func.count()).select_from(table)).scalar_one()

        return Loaded(
            tenants=count(tenants),
            usage_events=count(usage_events),
            request_logs=count(request_logs),
            invoices=count(invoices),
            mirrored_invoices=connection.execute(select(func.count(invoices.c.provider_invoice_id))).scalar_one(),
            operator_tokens=operator_tokens,
        )
