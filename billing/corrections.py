"""The credit as it is asked for, approved and sent: one frozen request with its hash, its key and its destination."""

import hashlib
import json
from decimal import Decimal
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict, model_validator

from billing.authority import Role
from billing.disputes import Category, Resolution
from billing.findings import CorrectedLine
from billing.money import Money
from billing.periods import BillingMonth
from billing.policy.credits import CreditPolicy, Payback


class Destination(StrEnum):
    """Where the money goes (D8): a credit note on the disputed invoice, or the customer's next invoice."""

    CREDIT_NOTE = "credit_note"
    NEXT_INVOICE = "next_invoice"


class CreditRequest(BaseModel):
    """What is approved and booked, in our own words. Frozen before anybody sees it: approvals bind its SHA-256.

    `step` tells several credits of one ticket apart (`r2.1`: second opening, first proposal); `goodwill` credits correct
    no line and leave the invoice as it is. `payback` is where the paid part of a credit note goes. Without a `resolution`
    no dispute stands behind it, and `ticket_id` holds the reference of an invoice correction.
    """

    model_config = ConfigDict(frozen=True)

    op_key: str
    case_id: str
    ticket_id: str
    step: str
    tenant_id: str
    period: BillingMonth
    invoice_id: str
    amount: Money
    destination: Destination
    category: Category
    resolution: Resolution | None
    reason: str
    requested_by: str
    lines: tuple[CorrectedLine, ...] = ()
    goodwill: bool = False
    payback: Payback = Payback.BALANCE

    @model_validator(mode="after")
    def _gives_something_back(self) -> "CreditRequest":
        if self.amount.minor <= 0:
            raise ValueError(f"a credit must be above zero, got {self.amount}")
        if self.payback is Payback.REFUND and self.destination is Destination.NEXT_INVOICE:
            raise ValueError("a refund needs a credit note: a credit to the next invoice gives back no payment")
        return self

    def sha256(self) -> str:
        """The hash an approval binds: over the canonical JSON of every field."""
        return sha256_of(self.model_dump(mode="json"))


class Proposal(BaseModel):
    """A recorded request and what it still needs: `path` empty means it may be sent as it is. `recently_credited` None:
    earlier credits are in a currency without a planning rate."""

    model_config = ConfigDict(frozen=True)

    request: CreditRequest
    request_sha256: str
    path: tuple[Role, ...]
    recently_credited: Money | None


class CreditReceipt(BaseModel):
    """What was booked: our credit, the documents it made, and the provider's object."""

    model_config = ConfigDict(frozen=True)

    credit_id: str
    amount: Money
    destination: Destination
    provider_id: str
    credit_note_number: str | None = None
    corrected_invoice_number: str | None = None
    booked_at: AwareDatetime


def destination_for(amount: Money, *, goodwill: bool, policy: CreditPolicy) -> Destination:
    """Strictly above the limit an issued invoice is corrected; smaller and goodwill credits go to the next one (D8, B4)."""
    if goodwill or policy.within(amount, policy.corrected_invoice_above):
        return Destination.NEXT_INVOICE
    return Destination.CREDIT_NOTE


def credit_op_key(case_id: str, round_number: int, revision: int) -> str:
    """The key of one proposed credit: a fact about the case, never an attempt number."""
    return f"{case_id}/credit/{credit_step(round_number, revision)}"


def credit_step(round_number: int, revision: int) -> str:
    """Which credit of its ticket this is, such as `r1.2`; unique with the ticket (D7)."""
    return f"r{round_number}.{revision}"


def sha256_of(content: object) -> str:
    """SHA-256 over JSON with sorted keys and no spaces, so that equal content has an equal hash everywhere."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} has no canonical form")
