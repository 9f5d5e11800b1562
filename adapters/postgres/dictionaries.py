"""Prices and terms that are kept once, found by the SHA-256 of what they say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Column, Connection, Table, select
from sqlalchemy.dialects.postgresql import insert

from adapters.postgres.tables import contract_terms, prices
from billing.contracts import Terms
from billing.corrections import sha256_of
from billing.prices import MeterPrice


def price_sha256(price: MeterPrice) -> str:
    """The hash under which a price is kept."""
    return sha256_of(price.model_dump(mode="json"))


def keep_prices(connection: Connection, wanted: Iterable[MeterPrice]) -> dict[str, int]:
    """The ids of prices by their SHA-256; what is not there yet is added. Two statements, however many prices."""
    rows = {price_sha256(price): {"price": _content(price)} for price in wanted}
    return _kept(connection, prices, prices.c.price_id, rows)


def keep_terms(connection: Connection, wanted: Iterable[Terms]) -> dict[str, int]:
    """The ids of terms by their SHA-256; what is not there yet is added, their prices included."""
    known = list(wanted)
    keep_prices(connection, (price for terms in known for price in terms.prices))
    rows = {terms.sha256(): {"currency": terms.currency, "terms": _content(terms)} for terms in known}
    return _kept(connection, contract_terms, contract_terms.c.terms_id, rows)


def _kept(connection: Connection, table: Table, key: Column[int], rows: dict[str, dict[str, Any]]) -> dict[str, int]:
    if not rows:
        return {}
    new = insert(table).values([{"sha256": sha256} | row for sha256, row in sorted(rows.items())])
    connection.execute(new.on_conflict_do_nothing())
    found = select(table.c.sha256, key).where(table.c.sha256.in_(sorted(rows)))
    return {row.sha256: row[1] for row in connection.execute(found)}


def _content(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json")
