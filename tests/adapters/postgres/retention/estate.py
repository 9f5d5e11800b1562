"""Two customers with rows in every table that a purge touches: bolt, who is to go, and acme, who stays.

estate = an_estate(engine, tmp_path)
estate.waits("bolt")
estate.plan()
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from adapters.document_files import DocumentFiles
from adapters.postgres.holds import PostgresHolds
from adapters.postgres.partitions import make_months
from adapters.postgres.retention.candidates import DeletionCandidates
from adapters.postgres.retention.purge import PostgresRetention
from billing.authority import Role
from billing.cases import DecisionReceipt, PendingApproval
from billing.holds import HeldEffect, Hold, HoldOrder
from billing.policy.standard import RETENTION
from billing.retention import PlanOnRecord, Progress, Purge, PurgeOrder
from tests.adapters.postgres.company import Company, found, invoice, letter, letter_intent

PLAN = "2026-11-23"
OLD_MONTH = "usage_events_y2024m01"

# For each customer `t`; the first column of most rows is a key.
ROWS = (
    """insert into usage_events select gen_random_uuid(), '{t}', timestamptz '2026-10-05' + n * interval '1 minute',
        'api_calls', 1, '/v1', null, null, gen_random_uuid(), 'key-{t}' from generate_series(1, 7) as n""",
    """insert into request_logs select gen_random_uuid(), '{t}', timestamptz '2026-10-05' + n * interval '1 minute', '/v1',
        'api_calls', 1, 200, 12, 'key-{t}', '203.0.113.0/24' from generate_series(1, 3) as n""",
    """insert into authentication_logs (tenant_id, api_key_id, network, at, succeeded)
        values ('{t}', 'key-{t}', '203.0.113.0/24', '2026-10-05', false)""",
    """insert into usage_quarantine (load_id, line, field, reason, row)
        select 'load-1', count(*) + 1, 'meter', 'unknown', '{{"tenant_id": "{t}"}}' from usage_quarantine""",
    """insert into late_usage (event_time, event_id, tenant_id, meter, period, quantity)
        values ('2026-10-06', gen_random_uuid(), '{t}', 'api_calls', '2026-10', 1)""",
    "insert into rollup_dirty values ('{t}', 'api_calls', '2026-10-05'), ('{t}', 'api_calls', '2026-10-05')",
    "insert into rollup_findings values ('{t}', 'api_calls', '2026-10-05', 1, 2, 1, 2)",
    "insert into usage_daily values ('{t}', 'api_calls', '2026-10-05', 7, 7, '2026-10-05', '2026-10-06', now())",
    "insert into api_keys values ('key-{t}', '{t}')",
    """insert into disputes (case_id, ticket_id, tenant_id, period, category, meters, disputed_minor, currency, severity,
        ticket, opened_at, duplicate_of, ending, closed_at)
        select 'dispute/T-{t}-' || n, 'T-{t}-' || n, '{t}', '2026-10', 'pricing', '{{api_calls}}', 100, 'USD', 'low',
            '{{"requester": {{"email": "ann@{t}.example"}}}}', timestamptz '2026-11-01' + n * interval '1 day',
            case when n > 1 then 'dispute/T-{t}-' || (n - 1) end, 'billing confirmed', '2026-11-09'
        from generate_series(1, 3) as n""",
    "insert into ticket_notes values ('note/{t}', 'T-{t}-1', 'Looked at it with Ann.')",
    """insert into dispute_rounds (case_id, round, opened_at, ending, resolved_by, root_cause, clocks, story)
        values ('dispute/T-{t}-1', 1, now(), 'billing confirmed', 'lead-1', 'none', '[]', '[]')""",
    """insert into evidence_packs (evidence_id, case_id, round, events, facts, facts_sha256, files)
        values ('dispute-T-{t}-1/r1', 'dispute/T-{t}-1', 1, 7, '{{}}', repeat('0', 64), '[]')""",
    """insert into assessments (assessment_id, evidence_id, case_id, round, assessment)
        values ('a/{t}', 'dispute-T-{t}-1/r1', 'dispute/T-{t}-1', 1, '{{}}')""",
    """insert into findings (case_id, round, finding, tenant_id, kind, meter, statement, conclusive, systematic,
        excess_quantity) values ('dispute/T-{t}-1', 1, 1, '{t}', 'duplicate_events', 'api_calls', 'twice', true, false, 1)""",
    "insert into finding_rows values ('dispute/T-{t}-1', 1, 1, gen_random_uuid(), '2026-10-05', 1)",
    """insert into provider_events (event_id, type, occurred_at, arrival, raw, state, trying_since, tenant_id, settled_at)
        values ('evt_{t}', 'invoice.paid', now(), 'webhook', '{{"customer_name": "Ann"}}', 'processed', now(), '{t}', now())""",
    """insert into provider_events (event_id, type, occurred_at, arrival, raw, state, trying_since, why, settled_at)
        values ('evt_{t}_2', 'tax_id.created', now(), 'webhook', '{{"customer": "cus_{t}", "name": "Ann"}}', 'ignored', now(),
            'unknown', now())""",
    """insert into usage_alerts (tenant_id, kind, meter, period, mark, facts, found_at)
        values ('{t}', 'threshold', 'api_calls', '2026-10-01', '80', '{{}}', now())""",
    "insert into usage_caps (tenant_id, meter, cap, reason, by, at) values ('{t}', 'api_calls', 5, 'asked', 'lead-1', now())",
    """insert into account_changes (at, by, tenant_id, subject, name, reason, before, after)
        values (now(), 'lead-1', '{t}', 'customer', '{t}', 'Ann moved.', null, '{{"address": "Elm Street 1"}}')""",
    "insert into billing_corrections values ('{t}', 'T-{t}-1', 1, 'pricing', 100, 'USD', 'lead-1', now(), 'Ann was right.')",
    "insert into tenant_policies values ('{t}', 'own', '{{}}')",
    """insert into sent_mail (op_key, message_id, case_id, template, recipient, state, letter)
        select op_key, op_key, case_id, 't', 'ann@{t}.example', 'sent', request from effects where tenant_id = '{t}'""",
)


class Estate(Company):
    """The company with what a purge needs; `evidence` holds the files of both customers."""

    def __init__(self, company: Company, files: Path) -> None:
        self.__dict__ |= company.__dict__
        self.evidence = files / "evidence"
        self.candidates = DeletionCandidates(self.engine, self.clock)
        self.holds = PostgresHolds(self.engine)
        self.book = PostgresRetention(self.engine, self.evidence, DocumentFiles(files / "documents"), self.clock)

    def waits(self, tenant_id: str, days: int = 1) -> None:
        """Recovery gave the customer up so many days ago."""
        self.candidates.await_deletion(tenant_id, self.now - timedelta(days=days), f"delinquency/{tenant_id}/1")

    def is_held(self, tenant_id: str | None = "bolt") -> Hold:
        order = HoldOrder(
            effect=HeldEffect.DELETION, tenant_id=tenant_id, reason="a court asked", by="lead-1@ops.example"
        )
        return self.holds.place(order, self.now)

    def plan(self, plan_id: str = PLAN) -> PlanOnRecord:
        return self.book.plan(PurgeOrder(plan_id=plan_id, requested_by="runbook"), RETENTION, quiet)

    def confirmed(self, planned: PlanOnRecord, by: Role = Role.FINANCE) -> PendingApproval:
        """Somebody confirmed the plan, and the VP is asked."""
        purge = Purge(
            plan_id=planned.plan_id,
            plan_sha256=planned.sha256,
            total=planned.plan.total,
            requested_by=self.operator(by),
            path=(Role.VP,),
        )
        op_key = self.book.propose(purge)
        return self.approvals.ask(op_key, 1, Role.VP, "May it go?", self.now, self.now + timedelta(days=5))

    def approved(self, planned: PlanOnRecord) -> DecisionReceipt:
        return self.answer(self.confirmed(planned), Role.VP)

    def goes(self, planned: PlanOnRecord, batch: int = 1_000, batches: int = 1_000) -> Progress:
        return self.book.carry_out(planned.plan_id, batch, batches, quiet)

    def is_gone(self) -> PlanOnRecord:
        """The whole way, for whoever waits."""
        planned = self.plan()
        self.approved(planned)
        self.book.begin(planned.plan_id, quiet)
        self.goes(planned)
        self.book.finish(planned.plan_id, quiet)
        return self.on_record()

    def on_record(self, plan_id: str = PLAN) -> PlanOnRecord:
        planned = self.book.find(plan_id)
        assert planned is not None
        return planned

    def present(self, tenant_id: str) -> dict[str, int]:
        """Rows that a purge would touch, by table."""
        counted = self.rows("select table_name, present from count_retention(array[:t])", t=tenant_id)
        return {row["table_name"]: row["present"] for row in counted}


def an_estate(engine: Engine, files: Path) -> Estate:
    estate = Estate(found(engine), files)
    with engine.begin() as connection:
        make_months(connection, date(2024, 1, 1), date(2024, 1, 1))
        make_months(connection, date(2026, 10, 1), date(2026, 11, 1))
        connection.execute(text("insert into tenants select 'bolt', 'Bolt Ltd', tier, currency, zone, country, locale, "
                                "'ann@bolt.example', 'cus_bolt' from tenants"))  # fmt: skip
        connection.execute(text("insert into contracts select 'C-bolt', 'bolt', currency, starts, null, terms_id, pauses "
                                "from contracts"))  # fmt: skip
        connection.execute(text("insert into usage_loads (load_id, source, state, started_by, finished_at) "
                                "values ('load-1', 'f.csv', 'done', 'lead-1', now())"))  # fmt: skip
    estate.invoices.issue(invoice(invoice_id="INV-bolt", number="INV-000043", tenant_id="bolt"))
    for tenant in ("acme", "bolt"):
        _fill(estate, tenant)
    return estate


def _fill(estate: Estate, tenant: str) -> None:
    for key, owner, case in (("1", tenant, f"dispute/T-{tenant}-1"), ("2", None, f"delinquency/{tenant}/1")):
        changes: dict[str, Any] = {"case_id": case, "tenant_id": owner}
        estate.effects.record(letter_intent(letter(f"{case}/letter/{key}").model_copy(update=changes)))
    with estate.engine.begin() as connection:
        for row in ROWS:
            connection.exec_driver_sql(row.format(t=tenant))
    folder = estate.evidence / f"dispute-T-{tenant}-1" / "r1"
    folder.mkdir(parents=True)
    (folder / "usage_events.csv").write_text("event_time,quantity\n2026-10-05,1\n")


def old_usage(estate: Estate, tenant: str, rows: int) -> None:
    """Raw usage of January 2024, which is past its time."""
    events = text(
        "insert into usage_events select gen_random_uuid(), :tenant, timestamptz '2024-01-05' + n * interval '1 minute', "
        "'api_calls', 1, '/v1', null, null, gen_random_uuid(), 'k' from generate_series(1, :rows) as n"
    )
    with estate.engine.begin() as connection:
        connection.execute(events, {"tenant": tenant, "rows": rows})


def quiet(words: str) -> None:
    """A heartbeat that nobody hears."""
