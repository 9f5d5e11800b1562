"""Every table by noun, on one MetaData: what the migrations create and what the adapters beside this package query.

`metadata` is compared with the migrated schema by a test, so a table changed here without a migration fails.
"""

from __future__ import annotations

from adapters.postgres.tables.accounts import (
    account_changes,
    contracts,
    legal_entities,
    meters,
    operators,
    tenant_policies,
    tenants,
)
from adapters.postgres.tables.audit import billing_audit, invoice_documents, provider_invoices, reconciliations
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
from adapters.postgres.tables.corrections import invoice_corrections
from adapters.postgres.tables.decisions import decisions, decisions_head
from adapters.postgres.tables.delinquencies import arrangements, delinquencies
from adapters.postgres.tables.dictionaries import contract_terms, parties, prices
from adapters.postgres.tables.documents import (
    billing_corrections,
    credit_applications,
    credit_notes,
    credits,
    invoice_lines,
    invoices,
    number_series,
)
from adapters.postgres.tables.effects import approval_refusals, approvals, effects, sent_mail
from adapters.postgres.tables.holds import holds
from adapters.postgres.tables.intake import (
    late_usage,
    period_closings,
    rollup_dirty,
    rollup_findings,
    usage_loads,
    usage_quarantine,
)
from adapters.postgres.tables.pace import provider_pace
from adapters.postgres.tables.payments import payment_attempts, receivables
from adapters.postgres.tables.provider_events import provider_event_sweeps, provider_events
from adapters.postgres.tables.restrictions import (
    restriction_limits,
    restriction_log,
    restrictions,
    usage_alerts,
    usage_caps,
)
from adapters.postgres.tables.retention import (
    deletion_candidates,
    retention_plans,
    retention_scope,
    retention_work,
)
from adapters.postgres.tables.runs import billing_runs, run_entries, run_flags, run_parkings
from adapters.postgres.tables.traffic import api_keys, authentication_logs, outages, request_logs
from adapters.postgres.tables.usage import usage_daily, usage_events

__all__ = [
    "account_changes",
    "api_keys",
    "approval_refusals",
    "approvals",
    "arrangements",
    "assessments",
    "authentication_logs",
    "billing_audit",
    "billing_corrections",
    "billing_runs",
    "contract_terms",
    "contracts",
    "credit_applications",
    "credit_notes",
    "credits",
    "decisions",
    "decisions_head",
    "deletion_candidates",
    "delinquencies",
    "dispute_rounds",
    "disputes",
    "effects",
    "evidence_packs",
    "finding_rows",
    "findings",
    "holds",
    "invoice_corrections",
    "invoice_documents",
    "invoice_lines",
    "invoices",
    "late_usage",
    "legal_entities",
    "metadata",
    "meters",
    "number_series",
    "operators",
    "outages",
    "parties",
    "payment_attempts",
    "period_closings",
    "prices",
    "provider_event_sweeps",
    "provider_events",
    "provider_invoices",
    "provider_pace",
    "receivables",
    "reconciliations",
    "request_logs",
    "restriction_limits",
    "restriction_log",
    "restrictions",
    "retention_plans",
    "retention_scope",
    "retention_work",
    "rollup_dirty",
    "rollup_findings",
    "run_entries",
    "run_flags",
    "run_parkings",
    "sent_mail",
    "tenant_policies",
    "tenants",
    "ticket_notes",
    "usage_alerts",
    "usage_caps",
    "usage_daily",
    "usage_events",
    "usage_loads",
    "usage_quarantine",
]
