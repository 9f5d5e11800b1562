"""The only way to carry a confirmed plan out: counting, beginning, deleting in batches, and finishing it.

The application may plan and count. It deletes nothing by itself: `carry_out_retention` does, with its owner's rights, for
rows of a plan that people approved, of the tables and in the way that `retention_scope` says.
"""

from __future__ import annotations

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

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
    for statement in (HELD, COUNT, BEGIN, CARRY_OUT, FINISH, FROZEN_STAYS, NOT_FOR_EVERYBODY, GRANTS):
        op.execute(statement)


def downgrade() -> None:
    op.execute(FROZEN_STAYED)
    op.execute(
        "drop function finish_retention, carry_out_retention, begin_retention, count_retention, retention_is_held"
    )
    op.execute("drop function letter_goes")
