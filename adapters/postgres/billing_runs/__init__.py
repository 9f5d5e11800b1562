"""Month ends in Postgres: whole shards are read, rated and written at once, and a tenant is billed once whoever tries."""

from __future__ import annotations

from adapters.postgres.billing_runs.runs import PostgresBillingRuns

__all__ = ["PostgresBillingRuns"]
