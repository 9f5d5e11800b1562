"""How fast a period is compared with the provider's invoices, against the bare full join of the same rows.

    python -m benchmarks.reconciliation [--tenants N] [--rounds N]

It starts a Postgres of its own with three months of documents; differences of every kind are planted in the last one and
have to be found exactly. The table is printed and written to `benchmarks/results/reconciliation.md`.
"""

from __future__ import annotations

import argparse
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import psycopg

import migrations
from adapters.postgres.engine import open_engine
from adapters.postgres.reconciliation import PostgresReconciliations
from benchmarks.rounds import HEADS, Duel, machine, play, table
from billing.policy.standard import RECONCILIATION
from billing.reconciling import ReconciliationOrder
from sandbox.postgres import PostgresServer

RESULTS = Path(__file__).parent / "results" / "reconciliation.md"
LIMIT = 1.5
PERIOD = "2026-10"
ORDER = ReconciliationOrder(period=PERIOD, occasion="benchmark", requested_by="benchmark")

# Of every thousand documents one is planted with each kind of difference, as far apart as they are listed.
_PLANTED = 6

_TENANTS = """
    insert into tenants (
        tenant_id, name, tier, currency, zone, country, locale, billing_email, provider_customer_id
    )
    select format('t-%s', n), 'Tenant', 'pro', 'USD', 'UTC', 'US', 'en-US', 'billing@tenant.example', format('cus_%s', n)
    from generate_series(1, %(tenants)s) n
"""
_DOCUMENTS = """
    insert into invoices (
        invoice_id, number, tenant_id, period, status, currency, total_minor, issued_at, provider_invoice_id
    )
    select format('inv-%%s-t-%%s', month, n), format('INV-%%s-%%s', month, n), format('t-%%s', n), month, 'open', 'USD',
        100000 + n, now(), format('in_%%s_%%s', month, n)
    from unnest(array['2026-08', '2026-09', '2026-10']) month, generate_series(1, %(tenants)s) n
"""
_LINES = """
    insert into invoice_lines (invoice_id, number, description, quantity, amount_minor)
    select invoice_id, line, 'API calls', 1, 0 from invoices, generate_series(1, 8) line where period = '2026-10'
"""
_PUSHES = """
    insert into effects (op_key, kind, case_id, tenant_id, state, request, request_sha256, provider_id, wire, first_sent_at)
    select format('month-end/2026-10/invoice/%s', tenant_id), 'invoice', 'month-end/2026-10', tenant_id, 'confirmed',
        '{}', repeat('0', 64), provider_invoice_id, '{}', now() - interval '1 hour'
    from invoices where period = '2026-10'
"""
# Missing there, missing here, status, amount, currency, and a copy beside the right one.
_PROVIDER = """
    insert into provider_invoices (
        reconciliation_id, provider_invoice_id, provider_customer_id, op_key, number, status, currency, total_minor,
        due_minor, credited_minor, created_at
    )
    select %(name)s, format('in_2026-10_%%s', n), format('cus_%%s', n), format('month-end/2026-10/invoice/t-%%s', n),
        format('INV-2026-10-%%s', n), case when n %% 1000 = 2 then 'void' else 'open' end,
        case when n %% 1000 = 4 then 'EUR' else 'USD' end, 100000 + n + case when n %% 1000 = 3 then 5000 else 0 end,
        100000 + n + case when n %% 1000 = 3 then 5000 else 0 end, 0, timestamptz '2026-11-01'
    from generate_series(1, %(tenants)s) n where n %% 1000 <> 1
    union all
    select %(name)s, format('in_stranger_%%s', n), 'cus_nobody', null, null, 'open', 'USD', n, n, 0, timestamptz '2026-11-02'
    from generate_series(1, %(tenants)s / 1000) n
    union all
    select %(name)s, format('in_copy_%%s', n * 1000 + 5), format('cus_%%s', n * 1000 + 5),
        format('month-end/2026-10/invoice/t-%%s', n * 1000 + 5), null, 'open', 'USD', 100000 + n * 1000 + 5,
        100000 + n * 1000 + 5, 0, timestamptz '2026-11-03'
    from generate_series(0, %(tenants)s / 1000 - 1) n
"""

# As somebody would write it who wants the differing rows and nothing else.
_BARE = """
    insert into bare_audit
    select ours.invoice_id, theirs.provider_invoice_id, ours.total_minor, theirs.total_minor, ours.status, theirs.status
    from (select * from invoices where period = '2026-10' and status <> 'draft') ours
    full join (select * from provider_invoices where reconciliation_id = %(name)s) theirs
        on theirs.provider_invoice_id = ours.provider_invoice_id
    where ours.invoice_id is null or theirs.provider_invoice_id is null or ours.status <> theirs.status
        or ours.currency <> theirs.currency
        or abs(ours.total_minor - theirs.total_minor) * 200 > abs(ours.total_minor)
"""
_BARE_TABLE = """
    create table bare_audit (
        invoice_id text, provider_invoice_id text, internal_minor bigint, provider_minor bigint, ours text, theirs text
    )
"""


def main() -> None:
    """Measure on a server of its own, print the report and keep it under `results/`."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--tenants", type=int, default=100_000, help="documents of the period, in whole thousands")
    arguments.add_argument("--rounds", type=int, default=9, help="how often both take their turn")
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="reconciliation-benchmark-") as home:
        Path(home).chmod(0o711)  # for root, whose server runs as `nobody` and must pass through to stay in here
        server = PostgresServer(Path(home) / "postgres")
        server.start()
        try:
            migrations.upgrade(server.url())
            report = measured(server.url(), chosen.tenants, chosen.rounds)
        finally:
            server.stop()
    print(report)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(report)


def measured(url: str, tenants: int, rounds: int) -> str:
    """Plant both sides, let both contenders take turns, and report in Markdown."""
    engine = open_engine(url)
    book = PostgresReconciliations(engine)
    book.open(ORDER, datetime.now(UTC))
    _plant(url, tenants)
    duel = Duel("compare and record", "bare full join", LIMIT, lambda: _bare(url), lambda: _compare(url, book))
    duel.warm_up()
    _found_exactly(book, tenants)
    play([duel], rounds)
    engine.dispose()
    return _report(url, duel, tenants, rounds)


def _plant(url: str, tenants: int) -> None:
    values = {"tenants": tenants, "name": ORDER.reconciliation_id}
    print(f"planting {tenants:,} documents on both sides ...", flush=True)
    with psycopg.connect(url) as session:
        session.execute(_TENANTS.replace("'t-%s'", "'t-%%s'").replace("'cus_%s'", "'cus_%%s'"), values)
        session.execute(_DOCUMENTS, values)
        session.execute(_LINES)
        session.execute(_PUSHES)
        session.execute(_PROVIDER, values)
        session.execute(_BARE_TABLE)
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("vacuum analyze")


def _bare(url: str) -> None:
    with psycopg.connect(url) as session:
        session.execute("delete from bare_audit")
        session.execute(_BARE, {"name": ORDER.reconciliation_id})


def _compare(url: str, book: PostgresReconciliations) -> None:
    with psycopg.connect(url) as session:
        session.execute("delete from billing_audit")
    book.compare(ORDER.reconciliation_id, RECONCILIATION)


def _found_exactly(book: PostgresReconciliations, tenants: int) -> None:
    report = book.compare(ORDER.reconciliation_id, RECONCILIATION)
    assert {count.difference: count.beyond for count in report.counts} == dict.fromkeys(
        (count.difference for count in report.counts), tenants // 1000
    )
    assert len(report.counts) == _PLANTED


def _report(url: str, duel: Duel, tenants: int, rounds: int) -> str:
    with psycopg.connect(url) as session:
        server = session.execute("show server_version").fetchone()
    assert server
    return (
        f"# Reconciling {tenants:,} documents\n\n"
        f"{machine()}, PostgreSQL {server[0].split()[0]}; {rounds} interleaved rounds after one to warm up, documents of "
        f"three months in the books. Found exactly as planted: {tenants // 1000:,} differences of each of the six kinds.\n\n"
        f"{table(HEADS, [duel.row()])}\n\n"
        "The bare join records which rows differ. Ours says of each how, by how much and within which tolerance, whose "
        "copy it is and what repairs it, takes only the newest revision of a document, finds by mark or number what is not "
        "linked, and adds both sides up by currency.\n"
    )


if __name__ == "__main__":
    main()
