"""Contracts and lines point at the shared terms and prices instead of carrying their own copies."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

FINISH = r"""
    alter table contracts alter column terms_id set not null, drop column base_fee_minor, drop column prices;
    alter table invoice_lines drop column applied_price
"""

BACK = r"""
    alter table contracts add column base_fee_minor bigint default 0 not null, add column prices jsonb,
        add constraint ck_contracts_base_fee_not_negative check (base_fee_minor >= 0);
    update contracts set prices = terms -> 'prices',
        base_fee_minor = coalesce((select sum((fee ->> 'amount_minor')::bigint)
            from jsonb_array_elements(terms -> 'fees') as fee), 0)
        from contract_terms where contract_terms.terms_id = contracts.terms_id;
    alter table contracts alter column prices set not null, alter column terms_id drop not null,
        add constraint ck_contracts_prices_are_a_list check (jsonb_typeof(prices) = 'array');
    alter table invoice_lines add column applied_price jsonb
"""
# Issued lines cannot be updated while their trigger stands.
BACK_LINES = r"""
    alter table invoice_lines disable trigger issued_lines_stay;
    update invoice_lines set applied_price = price from prices where prices.price_id = invoice_lines.price_id;
    alter table invoice_lines enable trigger issued_lines_stay
"""


def upgrade() -> None:
    connection = op.get_bind()
    for contract_id, currency, fee, prices in connection.execute(
        sa.text("select contract_id, currency, base_fee_minor, prices from contracts")
    ).all():
        fees = [{"name": "Base fee", "amount_minor": fee, "timing": "arrears"}] if fee else []
        terms = {"currency": currency, "fees": fees, "prices": prices}
        connection.execute(
            sa.text("update contracts set terms_id = :terms where contract_id = :contract"),
            {"contract": contract_id, "terms": _kept("contract_terms", "terms", terms, currency)},
        )
    connection.execute(sa.text("alter table invoice_lines disable trigger issued_lines_stay"))
    for (price,) in connection.execute(
        sa.text("select distinct applied_price from invoice_lines where applied_price is not null")
    ).all():
        connection.execute(
            sa.text("update invoice_lines set price_id = :id where applied_price = cast(:price as jsonb)"),
            {"id": _kept("prices", "price", price), "price": json.dumps(price)},
        )
    connection.execute(sa.text("alter table invoice_lines enable trigger issued_lines_stay"))
    op.execute(FINISH)


def downgrade() -> None:
    op.execute(BACK)
    op.execute(BACK_LINES)


def _kept(table: str, column: str, content: dict[str, Any], currency: str | None = None) -> int:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    extra, value = (", currency", ", :currency") if currency else ("", "")
    statement = sa.text(
        f"insert into {table} (sha256, {column}{extra}) values (:sha256, cast(:content as jsonb){value}) "  # noqa: S608
        f"on conflict (sha256) do update set sha256 = excluded.sha256 returning {column}_id"
    )
    return int(
        op.get_bind()
        .execute(
            statement,
            {"sha256": hashlib.sha256(canonical.encode()).hexdigest(), "content": canonical, "currency": currency},
        )
        .scalar_one()
    )
