"""The decision log, which can only grow."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

DECISIONS = r"""
    create table decisions (
        seq bigint not null,
        at timestamptz not null,
        line text not null,
        prev_sha256 char(64) not null,
        sha256 char(64) not null,
        constraint pk_decisions primary key (seq),
        constraint ck_decisions_seq_counts_from_one check (seq >= 1),
        constraint ck_decisions_one_line_each check (line !~ '[\x01-\x1f\x7f]'),
        constraint uq_decisions_sha256 unique (sha256)
    )
"""

DECISIONS_HEAD = r"""
    create table decisions_head (
        singleton boolean default true not null,
        seq bigint not null,
        sha256 char(64) not null,
        constraint pk_decisions_head primary key (singleton),
        constraint ck_decisions_head_one_row check (singleton)
    )
"""

# A superuser can still switch triggers off; the hash chain shows what was changed then.
APPEND_ONLY = r"""
    create function decisions_only_grow() returns trigger language plpgsql as $$
    begin
        raise exception 'the decision log only grows: % is refused', tg_op
            using errcode = 'integrity_constraint_violation';
    end $$;
    create trigger decisions_only_grow before update or delete or truncate on decisions
        for each statement execute function decisions_only_grow();
    create trigger decisions_head_stays before delete or truncate on decisions_head
        for each statement execute function decisions_only_grow()
"""

FIRST_HEAD = "insert into decisions_head (seq, sha256) values (0, repeat('0', 64))"

DROP_APPEND_ONLY = "drop function decisions_only_grow"


def upgrade() -> None:
    for statement in (DECISIONS, DECISIONS_HEAD, APPEND_ONLY, FIRST_HEAD):
        op.execute(statement)


def downgrade() -> None:
    for table in ("decisions_head", "decisions"):
        op.execute(f"drop table {table}")
    op.execute(DROP_APPEND_ONLY)
