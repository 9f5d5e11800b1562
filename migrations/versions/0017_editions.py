"""What a printed document says beyond its rows, so that it can be printed again to the byte whatever has changed since."""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table invoice_documents add column edition jsonb not null")


def downgrade() -> None:
    op.execute("alter table invoice_documents drop column edition")
