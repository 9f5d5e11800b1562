"""Days to roll up again are only ever added: a load neither waits for a roll-up nor takes another load's mark for its own.

With one row a day, a load that found the day marked already left it at that; a roll-up that then took the mark away did
not see the load's uncommitted events, and nothing said that they were missing.
"""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table rollup_dirty drop constraint pk_rollup_dirty")
    op.execute("create index ix_rollup_dirty_tenant_id on rollup_dirty (tenant_id)")


def downgrade() -> None:
    op.execute("create temp table marked on commit drop as select distinct tenant_id, meter, day from rollup_dirty")
    op.execute("truncate rollup_dirty")
    op.execute("drop index ix_rollup_dirty_tenant_id")
    op.execute("alter table rollup_dirty add constraint pk_rollup_dirty primary key (tenant_id, meter, day)")
    op.execute("insert into rollup_dirty select tenant_id, meter, day from marked")
