"""The kinds of columns all tables share: moments in UTC, money in minor units, quantities, and words from our enums."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from sqlalchemy import CHAR, BigInteger, CheckConstraint, Column, MetaData, Numeric, Text
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# Python's None is SQL's NULL, never JSON's null, so that "is null" means what it says.
Json = JSONB(none_as_null=True)

# Six decimals of a metered unit; 18 digits before the point hold any month of bytes.
Quantity = Numeric(24, 6)


def words(name: str, *args: Any, **options: Any) -> Column[str]:
    """A required text column."""
    return Column(name, Text, *args, nullable=False, **options)


def moment(name: str, **options: Any) -> Column[Any]:
    """A moment with its zone; required unless said otherwise."""
    return Column(name, TIMESTAMP(timezone=True), **{"nullable": False, **options})


def minor(name: str, **options: Any) -> Column[int]:
    """An amount in minor units of the row's `currency`; required unless said otherwise."""
    return Column(name, BigInteger, **{"nullable": False, **options})


def currency(**options: Any) -> Column[str]:
    """The ISO 4217 code of the row's amounts, upper case."""
    return Column("currency", CHAR(3), **{"nullable": False, **options})


def sha256(name: str, **options: Any) -> Column[str]:
    """A SHA-256 in lower-case hexadecimal."""
    return Column(name, CHAR(64), **{"nullable": False, **options})


def one_of(column: str, choices: Iterable[StrEnum]) -> CheckConstraint:
    """The column holds a word of an enum, or NULL where the column allows it."""
    listed = ", ".join(f"'{choice.value}'" for choice in choices)
    return CheckConstraint(f"{column} in ({listed})", name=f"{column}_known")


def currency_code() -> CheckConstraint:
    """Three capitals; which of them we bill in is `billing.money`'s to know."""
    return CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency_code")


def billing_month(column: str) -> CheckConstraint:
    """The text column holds a month such as 2026-10."""
    return CheckConstraint(rf"{column} ~ '^\d{{4}}-(0[1-9]|1[0-2])$'", name=f"{column}_is_a_month")
