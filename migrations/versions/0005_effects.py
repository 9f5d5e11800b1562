"""Outside effects, the approvals that let them happen, and the mail that left."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

EFFECTS = r"""
    create table effects (
        op_key text not null,
        kind text not null,
        case_id text not null,
        tenant_id text,
        state text not null,
        request jsonb not null,
        request_sha256 char(64) not null,
        path text[] default '{}' not null,
        amount_minor bigint,
        recently_credited_minor bigint,
        currency char(3),
        generation integer default 1 not null,
        wire jsonb,
        first_sent_at timestamptz,
        intended_at timestamptz default now() not null,
        provider_id text,
        outcome jsonb,
        why text,
        constraint pk_effects primary key (op_key),
        constraint ck_effects_kind_known check (kind in ('credit', 'letter')),
        constraint ck_effects_state_known check (
            state in ('proposed', 'intended', 'sent', 'confirmed', 'refused', 'unknown', 'withdrawn')
        ),
        constraint ck_effects_credit_amount check (
            (kind = 'credit') = (amount_minor is not null and currency is not null)
        ),
        constraint ck_effects_gives_something_back check (amount_minor > 0),
        constraint ck_effects_credit_has_a_tenant check (kind <> 'credit' or tenant_id is not null),
        constraint ck_effects_generation_counts_from_one check (generation >= 1),
        constraint ck_effects_sent_is_frozen check (
            state <> 'sent' or (wire is not null and first_sent_at is not null)
        ),
        constraint ck_effects_confirmed_by_the_provider check (state <> 'confirmed' or provider_id is not null)
    );
    create index ix_effects_case_id on effects (case_id);
    create index ix_effects_tenant on effects (tenant_id, intended_at) where kind = 'credit'
"""

APPROVALS = r"""
    create table approvals (
        approval_id text not null,
        op_key text not null,
        position integer not null,
        role text not null,
        question text not null,
        request_sha256 char(64) not null,
        requested_by text not null,
        state text not null,
        asked_at timestamptz not null,
        expires_at timestamptz not null,
        decided_by text,
        decided_role text,
        decided_at timestamptz,
        signed_decision jsonb,
        constraint pk_approvals primary key (approval_id),
        constraint uq_approvals_op_key_position unique (op_key, position),
        constraint uq_approvals_op_key_decided_by unique (op_key, decided_by),
        constraint ck_approvals_role_known check (
            role in ('agent', 'lead', 'engineering', 'finance', 'vp', 'account_manager')
        ),
        constraint ck_approvals_decided_role_known check (
            decided_role in ('agent', 'lead', 'engineering', 'finance', 'vp', 'account_manager')
        ),
        constraint ck_approvals_state_known check (
            state in ('open', 'approved', 'rejected', 'expired', 'withdrawn')
        ),
        constraint ck_approvals_another_person_decides check (decided_by <> requested_by),
        constraint ck_approvals_decided_by_somebody check (
            (state in ('approved',
            'rejected')) = (decided_by is not null and decided_role is not null
            and decided_at is not null and signed_decision is not null)
        ),
        constraint ck_approvals_position_counts_from_one check (position >= 1),
        constraint ck_approvals_expires_after_asking check (expires_at > asked_at),
        constraint fk_approvals_op_key foreign key (op_key) references effects (op_key),
        constraint fk_approvals_decided_by foreign key (decided_by) references operators (operator_id)
    );
    create index ix_approvals_open on approvals (asked_at) where state = 'open'
"""

APPROVAL_REFUSALS = r"""
    create table approval_refusals (
        refusal_id bigint generated always as identity,
        approval_id text not null,
        operator_id text not null,
        verdict text not null,
        request_sha256 char(64) not null,
        decision_sha256 char(64) not null,
        objection text not null,
        decided_at timestamptz not null,
        refused_at timestamptz default now() not null,
        constraint pk_approval_refusals primary key (refusal_id),
        constraint uq_approval_refusals_decision_sha256 unique (decision_sha256)
    );
    create index ix_approval_refusals_approval_id on approval_refusals (approval_id)
"""

SENT_MAIL = r"""
    create table sent_mail (
        op_key text not null,
        message_id text,
        case_id text not null,
        template text not null,
        recipient text not null,
        subject text,
        state text not null,
        sent_at timestamptz default now() not null,
        letter jsonb not null,
        constraint pk_sent_mail primary key (op_key),
        constraint ck_sent_mail_state_known check (state in ('sent', 'unknown')),
        constraint ck_sent_mail_sent_has_a_message_id check (state <> 'sent' or message_id is not null),
        constraint fk_sent_mail_op_key foreign key (op_key) references effects (op_key),
        constraint uq_sent_mail_message_id unique (message_id)
    );
    create index ix_sent_mail_case_id on sent_mail (case_id)
"""

# People approve the request they saw, and a provider's key belongs to one wire: neither may change under them.
FROZEN_STAYS = r"""
    create function frozen_effect_stays() returns trigger language plpgsql as $$
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
    end $$;
    create trigger frozen_effect_stays before update or delete on effects
        for each row execute function frozen_effect_stays()
"""

DROP_FROZEN_STAYS = "drop function frozen_effect_stays"


def upgrade() -> None:
    for statement in (EFFECTS, APPROVALS, APPROVAL_REFUSALS, SENT_MAIL, FROZEN_STAYS):
        op.execute(statement)


def downgrade() -> None:
    for table in ("sent_mail", "approval_refusals", "approvals", "effects"):
        op.execute(f"drop table {table}")
    op.execute(DROP_FROZEN_STAYS)
