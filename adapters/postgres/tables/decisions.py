"""The decision log: append-only rows in a SHA-256 chain, and the head that shows a cut-off tail (D13)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Table, text

from adapters.postgres.tables.columns import metadata, moment, sha256, words

# Triggers refuse UPDATE, DELETE and TRUNCATE, whoever asks.
decisions = Table(
    "decisions",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    moment("at"),
    words("line"),
    sha256("prev_sha256"),
    sha256("sha256", unique=True),
    CheckConstraint("seq >= 1", name="seq_counts_from_one"),
    CheckConstraint(r"line !~ '[\x01-\x1f\x7f]'", name="one_line_each"),
)

# One row, locked by every writer in turn: what makes the chain one chain.
decisions_head = Table(
    "decisions_head",
    metadata,
    Column("singleton", Boolean, primary_key=True, server_default=text("true")),
    Column("seq", BigInteger, nullable=False),
    sha256("sha256"),
    CheckConstraint("singleton", name="one_row"),
)
