"""What becomes of a customer's data when it is deleted for good: one decision for every table, and the numbers (P9)."""

from collections.abc import Mapping
from datetime import time, timedelta
from enum import StrEnum
from typing import Annotated, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from billing.authority import Role
from billing.policy.disputes import ApprovalPolicy


class Fate(StrEnum):
    """What a purge does with a customer's rows of a table. What is redacted keeps its row: other rows point at it."""

    KEEP = "keep"
    DELETE = "delete"
    REDACT = "redact"


class Rule(NamedTuple):
    """The decision about one table, and why."""

    fate: Fate
    why: str


def _kept(why: str) -> Rule:
    return Rule(Fate.KEEP, why)


def _deleted(why: str) -> Rule:
    return Rule(Fate.DELETE, why)


def _redacted(why: str) -> Rule:
    return Rule(Fate.REDACT, why)


_DOCUMENT = _kept("an issued document with the parties printed on it, kept for tax law")
_MONEY = _kept("the record behind an issued document: amounts, dates and ids, for tax law")
_OURS = _kept("the house's own data; nothing of a customer")
_SHARED = _kept("prices and terms without names, shared by customers and pointed at by documents")
_DECISION = _kept("who decided what about money and deletion, with the reasons that operators gave")
_CASE = _deleted("what a dispute was about: the requester, the customer's words, and their usage in detail")
_USAGE = _deleted("how the customer used the service; what was billed of it stands on the documents")
_RUN = _kept("the audit of a month end or a reconciliation: ids and amounts")

# Every table there is; a new one without a line here fails a test. Which rows are a customer's, and what redacting them
# changes, stands beside the tables in `retention_scope`, where a running application cannot change it.
RULES: Mapping[str, Rule] = {
    # -- accounts ------------------------------------------------------------------------------------------------------
    "tenants": _redacted("name, addresses, tax id and payment method go; the id stays, as every document names it"),
    "account_changes": _redacted("who changed an account and when stays; names and addresses before and after go"),
    "contracts": _redacted("ends with what was billed last, so that nothing is billed any more; terms stay"),
    "tenant_policies": _deleted("the customer's own policy has nobody left to apply to"),
    "contract_terms": _SHARED,
    "prices": _SHARED,
    "meters": _OURS,
    "legal_entities": _OURS,
    "operators": _OURS,
    # -- documents and money -------------------------------------------------------------------------------------------
    "invoices": _DOCUMENT,
    "invoice_lines": _DOCUMENT,
    "invoice_documents": _DOCUMENT,
    "credit_notes": _DOCUMENT,
    "parties": _DOCUMENT,
    "credits": _MONEY,
    "credit_applications": _MONEY,
    "invoice_corrections": _MONEY,
    "billing_corrections": _redacted("the record of a correction stays; its notes are somebody's own words and go"),
    "receivables": _MONEY,
    "payment_attempts": _MONEY,
    "number_series": _OURS,
    # -- decisions and effects -----------------------------------------------------------------------------------------
    "decisions": _kept("the decision log only grows; its lines hold ids"),
    "decisions_head": _kept("where the decision log ends"),
    "approvals": _DECISION,
    "approval_refusals": _DECISION,
    "holds": _DECISION,
    "effects": _redacted("the text and the recipient of letters go; what moved money stays as it was approved"),
    "sent_mail": _deleted("letters with their recipient; that one left, and when, stays with its effect"),
    # -- disputes ------------------------------------------------------------------------------------------------------
    "disputes": _CASE,
    "dispute_rounds": _CASE,
    "ticket_notes": _CASE,
    "evidence_packs": _deleted("exported usage and the facts of it; the files on disk go along"),
    "assessments": _CASE,
    "findings": _CASE,
    "finding_rows": _CASE,
    # -- usage and traffic ---------------------------------------------------------------------------------------------
    "usage_events": _USAGE,
    "usage_daily": _USAGE,
    "late_usage": _USAGE,
    "rollup_dirty": _USAGE,
    "rollup_findings": _USAGE,
    "usage_quarantine": _deleted("refused rows as they were sent, with whatever stood in them"),
    "usage_loads": _OURS,
    "period_closings": _OURS,
    "request_logs": _deleted("networks and times of requests"),
    "authentication_logs": _deleted("networks and times of logins"),
    "api_keys": _deleted("the customer's keys"),
    "outages": _OURS,
    # -- month ends and reconciliation ---------------------------------------------------------------------------------
    "billing_runs": _RUN,
    "run_entries": _RUN,
    "run_flags": _RUN,
    "run_parkings": _RUN,
    "reconciliations": _RUN,
    "provider_invoices": _RUN,
    "billing_audit": _RUN,
    "provider_pace": _OURS,
    # -- recovery ------------------------------------------------------------------------------------------------------
    "provider_events": _deleted("events as the payment provider sent them, with names and addresses"),
    "provider_event_sweeps": _OURS,
    "delinquencies": _kept("how an unpaid invoice was chased: ids, amounts and dates"),
    "arrangements": _DECISION,
    "restrictions": _kept("gateways must know that the service is deleted"),
    "restriction_limits": _kept("who limited the service, and why"),
    "restriction_log": _kept("who limited the service, and why"),
    "usage_alerts": _USAGE,
    "usage_caps": _USAGE,
    "deletion_candidates": _DECISION,
    "retention_plans": _DECISION,
    "retention_work": _DECISION,
    "retention_scope": _OURS,
}

Span = Annotated[timedelta, Field(gt=timedelta(0))]
Count = Annotated[int, Field(ge=1)]


class RetentionPolicy(BaseModel):
    """One version for the whole house. A plan is made every week on `weekday` (0 is Sunday) at `starts_at` in the house's
    zone, and waits `confirm_within` for a person. `approved_by` are the roles that must say yes then, in order, none of
    them the person who confirmed. Raw usage is kept for `usage_kept_for`; `batch` is rows a transaction.
    """

    model_config = ConfigDict(frozen=True)

    version: str
    weekday: Annotated[int, Field(ge=0, le=6)]
    starts_at: time
    confirm_within: Span
    remind_every: Span
    approved_by: Annotated[tuple[Role, ...], Field(min_length=1)]
    approvals: ApprovalPolicy
    usage_kept_for: Span
    batch: Count
    batches_a_step: Count

    @model_validator(mode="after")
    def _reminds_before_the_time_is_over(self) -> Self:
        if self.remind_every >= self.confirm_within:
            raise ValueError(f"remind ({self.remind_every}) before the time to confirm is over ({self.confirm_within})")
        return self

    def accelerated(self, speed: int) -> Self:
        """The same policy with every duration a plan waits divided by `speed`; the age of usage stays."""
        if speed < 1:
            raise ValueError(f"speed {speed} must be 1 or more")
        if speed == 1:
            return self
        return self.model_copy(
            update={
                "version": f"{self.version}×{speed}",
                "confirm_within": self.confirm_within / speed,
                "remind_every": self.remind_every / speed,
                "approvals": self.approvals.accelerated(speed),
            }
        )
