"""Which transaction wrote an order about a restriction: gateways are told of changes by looking only at what is new."""

from __future__ import annotations

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # What stands there already is written anew once, and counts as changed now.
    op.execute(
        "alter table restriction_log add column written_in bigint default pg_current_xact_id()::text::bigint not null"
    )
    op.execute("create index ix_restriction_log_written_in on restriction_log (written_in)")


def downgrade() -> None:
    op.execute("alter table restriction_log drop column written_in")
