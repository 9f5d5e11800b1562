"""Every table by noun, on one MetaData: what the migrations create and what the adapters beside this package query.

`metadata` is compared with the migrated schema by a test, so a table changed here without a migration fails.
"""

from __future__ import annotations

from adapters.postgres.tables.accounts import contracts, meters, operators, tenant_policies, tenants
from adapters.postgres.tables.cases import (
    assessments,
    dispute_rounds,
    disputes,
    evidence_packs,
    finding_rows,
    findings,
    ticket_notes,
)
from adapters.postgres.tables.columns import metadata
from adapters.postgres.tables.decisions import decisions, decisions_head
from adapters.postgres.tables.documents import (
    billing_corrections,
    credit_notes,
    credits,
    invoice_lines,
    invoices,
    number_series,
)
from adapters.postgres.tables.effects import approval_refusals, approvals, effects, sent_mail
from adapters.postgres.tables.traffic import api_keys, authentication_logs, outages, request_logs
from adapters.postgres.tables.usage import usage_daily, usage_events

__all__ = [
    "api_keys",
    "approval_refusals",
    "approvals",
    "assessments",
    "authentication_logs",
    "billing_corrections",
    "contracts",
    "credit_notes",
    "credits",
    "decisions",
    "decisions_head",
    "dispute_rounds",
    "disputes",
    "effects",
    "evidence_packs",
    "finding_rows",
    "findings",
    "invoice_lines",
    "invoices",
    "metadata",
    "meters",
    "number_series",
    "operators",
    "outages",
    "request_logs",
    "sent_mail",
    "tenant_policies",
    "tenants",
    "ticket_notes",
    "usage_daily",
    "usage_events",
]
