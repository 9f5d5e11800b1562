"""Who is responsible and who is accountable for every job, alert and escalation (P11)."""

from pydantic import BaseModel, ConfigDict


class Raci(BaseModel):
    """Team names: `responsible` does the work, `accountable` answers for it."""

    model_config = ConfigDict(frozen=True)

    responsible: str
    accountable: str


_SUPPORT = Raci(responsible="Customer Support", accountable="Finance")

# By job, or by the template of the letter that asks for the work.
RACI: dict[str, Raci] = {
    "dispute": _SUPPORT,
    "approval_requested": Raci(responsible="Finance", accountable="VP Engineering"),
    "case_escalated": Raci(responsible="Customer Support", accountable="VP Engineering"),
    "judgement_needed": _SUPPORT,
    "sla_alert": Raci(responsible="Customer Support", accountable="Customer Success"),
    "handed_over": Raci(responsible="Platform", accountable="SRE"),
    "delinquency": Raci(responsible="Finance", accountable="Finance"),
    "invoice-correction": Raci(responsible="Finance", accountable="Finance"),
    "month-end": Raci(responsible="Platform", accountable="Finance"),
    "run_review_requested": Raci(responsible="Finance", accountable="VP Engineering"),
    "run_handed_over": Raci(responsible="Platform", accountable="SRE"),
    "run_closed": Raci(responsible="Finance", accountable="Finance"),
    "invoice_written_off": Raci(responsible="Finance", accountable="Finance"),
    "payment-collection": Raci(responsible="Finance", accountable="Finance"),
    "payment-retry": Raci(responsible="Finance", accountable="Finance"),
    "reconciliation": Raci(responsible="Finance", accountable="Finance"),
    "reconciliation_differs": Raci(responsible="Finance", accountable="VP Engineering"),
    "duplicates_found": Raci(responsible="Finance", accountable="Finance"),
    "reconciliation_not_finished": Raci(responsible="Platform", accountable="SRE"),
    "account_manager_task": Raci(responsible="Customer Success", accountable="Finance"),
    "retention": Raci(responsible="Platform", accountable="Legal"),
    "retention_notice": Raci(responsible="Finance", accountable="Legal"),
    "stripe-events": Raci(responsible="Platform", accountable="Finance"),
    "stripe-events-sweep": Raci(responsible="Platform", accountable="Finance"),
    "decision_log": Raci(responsible="Finance", accountable="Legal"),
    "usage-validation": Raci(responsible="Platform", accountable="Finance"),
    "usage_to_look_at": Raci(responsible="Platform", accountable="Finance"),
    "usage-limits": Raci(responsible="Platform", accountable="Customer Success"),
    "overage_review": Raci(responsible="Customer Success", accountable="Finance"),
    "usage_limits_not_checked": Raci(responsible="Platform", accountable="SRE"),
}
