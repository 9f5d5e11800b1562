"""What may be deleted for good: who waits for it, plans that people confirmed, and what a deletion means for each table."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

CANDIDATES = r"""
    create table deletion_candidates (
        tenant_id text not null,
        case_id text not null,
        since timestamptz not null,
        spared_at timestamptz,
        begun_at timestamptz,
        deleted_at timestamptz,
        constraint pk_deletion_candidates primary key (tenant_id, case_id),
        constraint fk_deletion_candidates_tenant_id foreign key (tenant_id) references tenants (tenant_id),
        constraint ck_deletion_candidates_spared_before_it_began check (spared_at is null or begun_at is null),
        constraint ck_deletion_candidates_deleted_after_it_began check (deleted_at is null or begun_at is not null)
    );
    create unique index ix_deletion_candidates_waiting on deletion_candidates (tenant_id)
        where spared_at is null and deleted_at is null
"""

# `plan` is the canonical JSON whose hash people confirm, so that the database can check the hash itself.
PLANS = r"""
    create table retention_plans (
        plan_id text not null,
        plan text not null,
        sha256 char(64) not null,
        state text default 'planned' not null,
        requested_by text not null,
        planned_at timestamptz not null,
        ending text,
        begun_at timestamptz,
        finished_at timestamptz,
        certificate jsonb,
        certificate_sha256 char(64),
        constraint pk_retention_plans primary key (plan_id),
        constraint ck_retention_plans_hash_of_the_plan check (sha256 = encode(sha256(convert_to(plan, 'UTF8')), 'hex')),
        constraint ck_retention_plans_state_known check (state in ('planned', 'executing', 'done')),
        constraint ck_retention_plans_begun_when_executing check ((state = 'planned') = (begun_at is null)),
        constraint ck_retention_plans_done_with_a_certificate check (
            (state = 'done') = (finished_at is not null and certificate is not null and certificate_sha256 is not null)
        )
    );
    create unique index ix_retention_plans_executing on retention_plans (state) where state = 'executing'
"""

WORK = r"""
    create table retention_work (
        plan_id text not null,
        position integer not null,
        tenant_id text,
        table_name text not null,
        planned bigint not null,
        gone bigint default 0 not null,
        state text default 'waiting' not null,
        constraint pk_retention_work primary key (plan_id, position),
        constraint fk_retention_work_plan_id foreign key (plan_id) references retention_plans (plan_id),
        constraint ck_retention_work_state_known check (state in ('waiting', 'done', 'held'))
    )
"""

# Which rows of a table are a tenant's: `source` with the table as `t`, `owner` their tenant, `pending` those that are
# still to go. `changes` redacts; without it rows are deleted. `position` keeps foreign keys whole.
SCOPE = r"""
    create table retention_scope (
        table_name text not null,
        position integer not null,
        source text not null,
        owner text not null,
        pending text default 'true' not null,
        key text[] not null,
        sorting text default '' not null,
        changes text,
        constraint pk_retention_scope primary key (table_name),
        constraint uq_retention_scope_position unique (position)
    )
"""

# A letter that names no tenant belongs to the one its case is about.
LETTER_OWNER = r"""
    create function letter_owner(tenant_id text, case_id text) returns text language sql immutable parallel safe as $$
        select coalesce($1, case when split_part($2, '/', 1) in ('delinquency', 'usage-limits') then split_part($2, '/', 2) end)
    $$
"""

OF_DISPUTE = "{0} t join disputes d on d.case_id = t.case_id"
# Nothing is billed after what was billed last, and nothing of it is taken back.
ENDED = """ends = least(now(), greatest(starts + interval '1 second', coalesce(
    (select max(coalesce(billed.service_end, (to_date(billed.period, 'YYYY-MM') + interval '1 month')::date))
        from invoices billed where billed.tenant_id = contracts.tenant_id and billed.status not in ('draft', 'void')
    )::timestamp at time zone (select zone from tenants where tenants.tenant_id = contracts.tenant_id), starts)))"""
NAMELESS = (
    "name = 'Deleted customer', billing_email = 'deleted@customer.invalid', address = null, tax_id = null, "
    "payment_method_id = null"
)

# An event whose kind we do not know was never told to be a tenant's, and names its customer all the same.
# table, key, and what differs from: every row whose tenant_id is the tenant's is deleted.
SCOPES: tuple[tuple[str, tuple[str, ...], dict[str, str]], ...] = (
    ("usage_events", ("event_time", "event_id"), {}),
    ("request_logs", ("requested_at", "trace_id"), {}),
    ("authentication_logs", ("entry_id",), {}),
    ("usage_quarantine", ("entry_id",), {"owner": "t.row ->> 'tenant_id'"}),
    ("late_usage", ("event_time", "event_id"), {}),
    ("rollup_dirty", ("ctid",), {}),
    ("rollup_findings", ("tenant_id", "meter", "day", "found_at"), {}),
    ("usage_daily", ("tenant_id", "meter", "day"), {}),
    ("api_keys", ("api_key_id",), {}),
    (
        "ticket_notes",
        ("op_key",),
        {"source": "ticket_notes t join disputes d on d.ticket_id = t.ticket_id", "owner": "d.tenant_id"},
    ),
    (
        "finding_rows",
        ("case_id", "round", "finding", "event_time", "event_id"),
        {"source": OF_DISPUTE.format("finding_rows"), "owner": "d.tenant_id"},
    ),
    ("findings", ("case_id", "round", "finding"), {"source": OF_DISPUTE.format("findings"), "owner": "d.tenant_id"}),
    ("assessments", ("assessment_id",), {"source": OF_DISPUTE.format("assessments"), "owner": "d.tenant_id"}),
    ("evidence_packs", ("evidence_id",), {"source": OF_DISPUTE.format("evidence_packs"), "owner": "d.tenant_id"}),
    ("dispute_rounds", ("case_id", "round"), {"source": OF_DISPUTE.format("dispute_rounds"), "owner": "d.tenant_id"}),
    # A duplicate points at the case that was open before it.
    ("disputes", ("case_id",), {"sorting": "order by t.opened_at desc, t.case_id"}),
    (
        "sent_mail",
        ("op_key",),
        {
            "source": "sent_mail t join effects e on e.op_key = t.op_key",
            "owner": "letter_owner(e.tenant_id, e.case_id)",
        },
    ),
    (
        "effects",
        ("op_key",),
        {
            "owner": "letter_owner(t.tenant_id, t.case_id)",
            "pending": "t.kind = 'letter' and not t.request ? 'deleted_under'",
            "changes": "request = jsonb_build_object('deleted_under', $3), why = null",
        },
    ),
    (
        "provider_events",
        ("event_id",),
        {
            "source": "provider_events t left join tenants c on t.tenant_id is null and c.provider_customer_id = "
            "substring(t.raw from '\"(cus_[A-Za-z0-9_]+)\"')",
            "owner": "coalesce(t.tenant_id, c.tenant_id)",
        },
    ),
    ("usage_alerts", ("alert_id",), {}),
    ("usage_caps", ("cap_id",), {}),
    (
        "account_changes",
        ("change_id",),
        {"pending": "t.after <> '{}'", "changes": "before = null, after = '{}', reason = 'redacted'"},
    ),
    (
        "billing_corrections",
        ("ticket_id", "round"),
        {"owner": "t.customer_id", "pending": "t.notes <> ''", "changes": "notes = ''"},
    ),
    ("tenant_policies", ("tenant_id",), {}),
    (
        "contracts",
        ("contract_id",),
        {"pending": "t.starts <= now() and (t.ends is null or t.ends > now())", "changes": ENDED},
    ),
    (
        "tenants",
        ("tenant_id",),
        {"pending": "t.billing_email <> 'deleted@customer.invalid'", "changes": NAMELESS},
    ),
)

KINDS = r"""
    do $$
    declare
        kinds text[] := array(select (regexp_matches(pg_get_constraintdef(oid), '''([a-z_]+)''', 'g'))[1]
            from pg_constraint where conname = '{constraint}');
    begin
        alter table {table} drop constraint {constraint};
        execute format(
            'alter table {table} add constraint {constraint} check ({column} in (%s))',
            (select string_agg(quote_literal(kind), ', ') from unnest({changed}) as kind)
        );
    end $$
"""
EFFECTS = {"table": "effects", "constraint": "ck_effects_kind_known", "column": "kind"}
HOLDS = {"table": "holds", "constraint": "ck_holds_effect_known", "column": "effect"}


def upgrade() -> None:
    for statement in (CANDIDATES, PLANS, WORK, SCOPE, LETTER_OWNER):
        op.execute(statement)
    _fill_scope()
    op.execute(KINDS.format(**EFFECTS, changed="array_append(kinds, 'retention_purge')"))
    op.execute(KINDS.format(**HOLDS, changed="array_append(kinds, 'deletion')"))


def downgrade() -> None:
    """What was deleted stays deleted; letters that were redacted keep their place."""
    op.execute("delete from holds where effect = 'deletion'")
    op.execute(
        "delete from approvals using effects where approvals.op_key = effects.op_key and kind = 'retention_purge'"
    )
    op.execute("alter table effects disable trigger frozen_effect_stays")
    op.execute("delete from effects where kind = 'retention_purge'")
    op.execute("alter table effects enable trigger frozen_effect_stays")
    op.execute(KINDS.format(**EFFECTS, changed="array_remove(kinds, 'retention_purge')"))
    op.execute(KINDS.format(**HOLDS, changed="array_remove(kinds, 'deletion')"))
    op.execute("drop function letter_owner")
    for table in ("retention_scope", "retention_work", "retention_plans", "deletion_candidates"):
        op.execute(f"drop table {table}")


def _fill_scope() -> None:
    """Write the scopes down, in the order of the list."""
    insert = sa.text(
        "insert into retention_scope (table_name, position, source, owner, pending, key, sorting, changes) "
        "values (:table_name, :position, :source, :owner, :pending, :key, :sorting, :changes)"
    )
    for position, (table, key, special) in enumerate(SCOPES, start=1):
        row = {"source": f"{table} t", "owner": "t.tenant_id", "pending": "true", "sorting": "", "changes": None}
        op.get_bind().execute(insert, {"table_name": table, "position": position, "key": list(key), **row, **special})
