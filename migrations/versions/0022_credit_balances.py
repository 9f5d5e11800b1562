"""What of a credit note went into the customer's balance is taken off the next document, as the provider does."""

from __future__ import annotations

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

# Until now every paid part went into the balance, and the provider's answer says how much that was.
KNOWN = """
    update credits
    set balance_minor = least(credits.amount_minor, coalesce((effects.outcome ->> 'post_payment_amount')::bigint, 0))
    from effects where effects.op_key = credits.op_key and credits.destination = 'credit_note'
"""


def upgrade() -> None:
    op.execute("alter table credits add column balance_minor bigint")
    op.execute(
        "alter table credits add constraint ck_credits_balance_is_a_part check (balance_minor between 0 and amount_minor)"
    )
    op.execute(KNOWN)


def downgrade() -> None:
    op.execute("alter table credits drop column balance_minor")
