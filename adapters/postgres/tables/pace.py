"""The pace of requests to providers: one row a lane, moved on by whoever takes the next turn."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from adapters.postgres.tables.columns import metadata, moment

provider_pace = Table("provider_pace", metadata, Column("lane", Text, primary_key=True), moment("free_at"))
