"""What may be deleted for good: who waits for it, plans that people confirmed, and the only way to carry one out.

The application may plan and count. It deletes nothing by itself: `carry_out_retention` does, with its owner's rights, for
rows of a plan that people approved, of the tables and in the way that `retention_scope` says.
"""

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

COUNT = r"""
    create function count_retention(tenants text[]) returns table (table_name text, tenant_id text, present bigint)
    language plpgsql stable as $$
    declare
        scope retention_scope;
    begin
        for scope in select * from retention_scope order by position loop
            return query execute format(
                'select %L::text, (%s)::text, count(*) from %s where (%s) = any ($1) and (%s) group by 2',
                scope.table_name, scope.owner, scope.source, scope.owner, scope.pending
            ) using tenants;
        end loop;
    end $$
"""

# The last gate: what was confirmed, by whom, and that another person said yes to exactly that.
BEGIN = r"""
    create function begin_retention(wanted text) returns void
    language plpgsql security definer set search_path = public, pg_temp as $$
    declare
        planned retention_plans;
        asked effects;
        tenants text[];
    begin
        select * into planned from retention_plans where plan_id = wanted for update;
        select * into asked from effects where op_key = 'retention/' || wanted || '/purge' and kind = 'retention_purge';
        if planned.state is distinct from 'planned' or asked.state is distinct from 'intended'
            or asked.request ->> 'plan_sha256' is distinct from planned.sha256
            or coalesce(cardinality(asked.path), 0) = 0
            or cardinality(asked.path) > (
                select count(*) from approvals answer where answer.op_key = asked.op_key and answer.state = 'approved'
                and answer.request_sha256 = asked.request_sha256 and answer.decided_by <> asked.request ->> 'requested_by'
            )
        then
            raise exception 'plan % may not be carried out: nobody else approved exactly this plan', wanted
                using errcode = 'integrity_constraint_violation';
        end if;
        update retention_plans set state = 'executing', begun_at = now() where plan_id = wanted;
        insert into retention_work (plan_id, position, tenant_id, table_name, planned)
        select wanted, place, line ->> 'tenant_id', line ->> 'table', (line ->> 'rows')::bigint
        from jsonb_array_elements(planned.plan::jsonb -> 'rows') with ordinality as listed (line, place);
        select coalesce(array_agg(distinct tenant_id), '{}') into tenants
        from retention_work where plan_id = wanted and tenant_id is not null;
        update deletion_candidates set begun_at = coalesce(begun_at, now())
        where tenant_id = any (tenants) and spared_at is null and deleted_at is null;
        if (select count(*) from deletion_candidates
            where tenant_id = any (tenants) and spared_at is null and deleted_at is null) <> cardinality(tenants)
        then
            raise exception 'plan % names a tenant who does not wait for deletion', wanted
                using errcode = 'integrity_constraint_violation';
        end if;
    end $$
"""

# One batch of one row of the plan; the count is kept in the same transaction, so that a batch counts once. The lock is
# the one under which holds are placed: whoever placed one knows that nothing goes afterwards. Rows are found by their keys:
# the planner would rather read a table of some hundred thousand rows for every batch.
CARRY_OUT = r"""
    create function carry_out_retention(wanted text, place integer, at_most integer) returns text
    language plpgsql security definer set search_path = public, pg_temp set enable_seqscan = off as $$
    declare
        work retention_work;
        scope retention_scope;
        usage_before timestamptz;
        done bigint := 0;
    begin
        perform pg_advisory_xact_lock_shared(7246113);
        select (plan::jsonb ->> 'usage_before')::timestamptz into usage_before
        from retention_plans where plan_id = wanted and state = 'executing';
        if not found then
            raise exception 'plan % is not being carried out', wanted using errcode = 'integrity_constraint_violation';
        end if;
        select * into strict work from retention_work where plan_id = wanted and position = place for update;
        if work.state <> 'waiting' then
            return work.state;
        end if;
        if retention_is_held(work.tenant_id, work.table_name) then
            update retention_work set state = 'held' where plan_id = wanted and position = place;
            return 'held';
        end if;
        if work.tenant_id is null then
            if work.table_name !~ '^(usage_events|request_logs)_y\d{4}m\d{2}$' or usage_before <
                (to_date(right(work.table_name, 7), 'YYYY"m"MM') + interval '1 month')::timestamp at time zone 'UTC'
            then
                raise exception '% is no month that may go', work.table_name using errcode = 'integrity_constraint_violation';
            end if;
            execute format('select count(*) from %I', work.table_name) into done;
            execute format('drop table %I', work.table_name);
            update retention_work set gone = done, state = 'done' where plan_id = wanted and position = place;
            return 'done';
        end if;
        select * into strict scope from retention_scope where table_name = work.table_name;
        execute format(
            '%s where (%s) in (select %s from %s where (%s) = $1 and (%s) %s limit $2)',
            case when scope.changes is null then format('delete from %I', scope.table_name)
                else format('update %I set %s', scope.table_name, scope.changes) end,
            array_to_string(scope.key, ', '), 't.' || array_to_string(scope.key, ', t.'),
            scope.source, scope.owner, scope.pending, scope.sorting
        ) using work.tenant_id, at_most, wanted;
        get diagnostics done = row_count;
        update retention_work set gone = gone + done, state = case when done < at_most then 'done' else 'waiting' end
        where plan_id = wanted and position = place returning state into work.state;
        return work.state;
    end $$
"""

# A month is held by a hold on anybody whose rows are in it.
HELD = r"""
    create function retention_is_held(tenant text, month text) returns boolean language plpgsql stable as $$
    declare
        held boolean;
    begin
        if exists (select from holds where effect = 'deletion' and released_at is null
            and (tenant_id is null or tenant_id = tenant))
        then
            return true;
        end if;
        if tenant is not null then
            return false;
        end if;
        execute format(
            'select exists (select from %I kept join holds on holds.tenant_id = kept.tenant_id '
            'where holds.effect = ''deletion'' and holds.released_at is null)', month
        ) into held;
        return held;
    end $$
"""

FINISH = r"""
    create function finish_retention(wanted text, proof jsonb, proof_sha256 text) returns void
    language plpgsql security definer set search_path = public, pg_temp as $$
    declare
        tenants text[];
    begin
        if exists (select from retention_work where plan_id = wanted and state = 'waiting') then
            raise exception 'plan % is not carried out yet', wanted using errcode = 'integrity_constraint_violation';
        end if;
        update retention_plans
        set state = 'done', finished_at = now(), certificate = proof, certificate_sha256 = proof_sha256
        where plan_id = wanted and state = 'executing';
        if not found then
            return;
        end if;
        select coalesce(array_agg(distinct tenant_id), '{}') into tenants
        from retention_work where plan_id = wanted and tenant_id is not null;
        update deletion_candidates candidate set deleted_at = now()
        where tenant_id = any (tenants) and spared_at is null and deleted_at is null
        and not exists (select from count_retention(tenants) present where present.tenant_id = candidate.tenant_id);
    end $$
"""

# A letter may lose its text and recipient while a plan that people approved is carried out for its tenant; its hash, its
# state and everything else stay as they were. Nothing else of what was frozen may change, as before.
FROZEN_STAYS = r"""
    create function letter_goes(was effects, becomes effects) returns boolean language sql stable as $$
        select was.kind = 'letter'
            and becomes.request = jsonb_build_object('deleted_under', becomes.request ->> 'deleted_under')
            and to_jsonb(becomes) - 'request' - 'why' = to_jsonb(was) - 'request' - 'why'
            and exists (
                select from retention_work work join retention_plans plan using (plan_id)
                where plan.plan_id = becomes.request ->> 'deleted_under' and plan.state = 'executing'
                and work.table_name = 'effects' and work.tenant_id = letter_owner(was.tenant_id, was.case_id)
            )
    $$;
    create or replace function frozen_effect_stays() returns trigger language plpgsql as $$
    begin
        if tg_op = 'DELETE'
            or (new.op_key, new.kind, new.case_id, new.tenant_id, new.request, new.request_sha256, new.path,
                new.amount_minor, new.currency)
            is distinct from
            (old.op_key, old.kind, old.case_id, old.tenant_id, old.request, old.request_sha256, old.path,
                old.amount_minor, old.currency)
            or (old.wire is not null and new.wire is distinct from old.wire and new.generation = old.generation)
            or new.generation < old.generation
            or (old.state = 'confirmed' and new.state <> 'confirmed')
        then
            if tg_op = 'UPDATE' and letter_goes(old, new) then
                return new;
            end if;
            raise exception 'effect % is frozen: ask for a new one under its own key', old.op_key
                using errcode = 'integrity_constraint_violation';
        end if;
        return new;
    end $$
"""

FROZEN_STAYED = r"""
    create or replace function frozen_effect_stays() returns trigger language plpgsql as $$
    begin
        if tg_op = 'DELETE'
            or (new.op_key, new.kind, new.case_id, new.tenant_id, new.request, new.request_sha256, new.path,
                new.amount_minor, new.currency)
            is distinct from
            (old.op_key, old.kind, old.case_id, old.tenant_id, old.request, old.request_sha256, old.path,
                old.amount_minor, old.currency)
            or (old.wire is not null and new.wire is distinct from old.wire and new.generation = old.generation)
            or new.generation < old.generation
            or (old.state = 'confirmed' and new.state <> 'confirmed')
        then
            raise exception 'effect % is frozen: ask for a new one under its own key', old.op_key
                using errcode = 'integrity_constraint_violation';
        end if;
        return new;
    end $$
"""

# The list as it stands, with one kind more or less: the steps before this one have each added theirs.
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

GRANTS = """
    do $$
    begin
        if to_regrole('runbooks_app') is not null then
            grant select, insert, update on deletion_candidates to runbooks_app;
            grant select on retention_plans, retention_work, retention_scope to runbooks_app;
            grant insert (plan_id, plan, sha256, requested_by, planned_at) on retention_plans to runbooks_app;
            grant update (ending) on retention_plans to runbooks_app;
            grant execute on function begin_retention(text), carry_out_retention(text, integer, integer),
                finish_retention(text, jsonb, text) to runbooks_app;
        end if;
    end $$
"""
NOT_FOR_EVERYBODY = """
    revoke execute on function begin_retention(text), carry_out_retention(text, integer, integer),
        finish_retention(text, jsonb, text) from public
"""


def upgrade() -> None:
    for statement in (
        CANDIDATES,
        PLANS,
        WORK,
        SCOPE,
        LETTER_OWNER,
        HELD,
        COUNT,
        BEGIN,
        CARRY_OUT,
        FINISH,
        FROZEN_STAYS,
    ):
        op.execute(statement)
    _fill_scope()
    op.execute(KINDS.format(**EFFECTS, changed="array_append(kinds, 'retention_purge')"))
    op.execute(KINDS.format(**HOLDS, changed="array_append(kinds, 'deletion')"))
    op.execute(NOT_FOR_EVERYBODY)
    op.execute(GRANTS)


def downgrade() -> None:
    """What was deleted stays deleted; letters that were redacted keep their place."""
    op.execute(FROZEN_STAYED)
    op.execute("delete from holds where effect = 'deletion'")
    op.execute(
        "delete from approvals using effects where approvals.op_key = effects.op_key and kind = 'retention_purge'"
    )
    op.execute("alter table effects disable trigger frozen_effect_stays")
    op.execute("delete from effects where kind = 'retention_purge'")
    op.execute("alter table effects enable trigger frozen_effect_stays")
    op.execute(KINDS.format(**EFFECTS, changed="array_remove(kinds, 'retention_purge')"))
    op.execute(KINDS.format(**HOLDS, changed="array_remove(kinds, 'deletion')"))
    op.execute(
        "drop function finish_retention, carry_out_retention, begin_retention, count_retention, retention_is_held"
    )
    op.execute("drop function letter_goes, letter_owner")
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
