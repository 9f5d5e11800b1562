"""Retention over Postgres: who waits for deletion, what a plan counts, and carrying a confirmed one out in batches."""
