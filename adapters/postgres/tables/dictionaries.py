"""What many rows share and nobody changes: prices, contract terms and parties, each kept once and found by its SHA-256.

Rows are only ever added, so whoever has read one may keep it for good.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Identity, Table

from adapters.postgres.tables.columns import Json, currency, currency_code, metadata, sha256

# billing.prices.MeterPrice; invoice lines point here at the price they were rated with.
prices = Table(
    "prices",
    metadata,
    Column("price_id", BigInteger, Identity(always=True), primary_key=True),
    sha256("sha256", unique=True),
    Column("price", Json, nullable=False),
)

# billing.contracts.Terms.
contract_terms = Table(
    "contract_terms",
    metadata,
    Column("terms_id", BigInteger, Identity(always=True), primary_key=True),
    sha256("sha256", unique=True),
    currency(),
    Column("terms", Json, nullable=False),
    currency_code(),
    CheckConstraint("jsonb_typeof(terms) = 'object'", name="terms_are_an_object"),
)

# A name with its address and tax id as documents print them: the customer's, or the legal entity's with its bank details.
parties = Table(
    "parties",
    metadata,
    Column("party_id", BigInteger, Identity(always=True), primary_key=True),
    sha256("sha256", unique=True),
    Column("party", Json, nullable=False),
)
