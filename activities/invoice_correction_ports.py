"""The port of invoice corrections, beside `activities/ports.py` and under the same rules."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict

from activities.ports import ProviderAnswer
from billing.authority import Role
from billing.effects import Effect
from billing.invoice_corrections import CorrectionOrder, CorrectionReceipt, CorrectionStory, Ending, StatusChange
from billing.invoices import Invoice
from billing.money import Money
from billing.policy.bundle import Policy


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class ClosingCorrection(_Record):
    """How a correction ended; `receipt` None when nothing was carried out. `resolved_by` is who decided it last."""

    case_id: str
    ending: Ending
    receipt: CorrectionReceipt | None
    story: CorrectionStory
    resolved_by: str


class CorrectionRow(_Record):
    """A correction as it is on record; `story` None while it is under way."""

    case_id: str
    order: CorrectionOrder
    invoice_id: str | None
    tenant_id: str | None
    opened_at: AwareDatetime
    ending: Ending | None = None
    closed_at: AwareDatetime | None = None
    story: CorrectionStory | None = None


class CorrectionBook(Protocol):
    """Corrections on record: opened once for each key, proposed as frozen effects, closed with their documents."""

    def open(self, order: CorrectionOrder, now: datetime, idempotency_key: str | None = None) -> CorrectionRow:
        """Put it on record, or answer the one that is there. The same key with another order is a CONFLICT."""

    def document(self, name: str) -> Invoice | None:
        """The issued document that is called so, by number or id; None without one."""

    def newest(self, invoice_id: str) -> Invoice:
        """The newest revision of the document. Raises NOT_FOUND."""

    def proposed(self, op_key: str) -> Effect | None:
        """The frozen proposal, whatever has become of it; None when nothing was proposed under this key."""

    def propose(
        self, change: StatusChange, path: Sequence[Role], recently_credited: Money | None, policy: Policy
    ) -> tuple[Role, ...]:
        """Freeze a void or a write-off as an effect that waits for approval; the same key answers what was frozen first.
        Answers its path, raised when the tenant's credits have grown since `recently_credited`. Raises CONFLICT when
        money was given back for the document or another change of it is on its way."""

    def confirm(self, op_key: str, answer: ProviderAnswer) -> CorrectionReceipt:
        """In one transaction: effect confirmed, the document's status changed, and for a void the credits that were
        applied to it handed back. Confirming twice answers the first receipt."""

    def close(self, closing: ClosingCorrection) -> None:
        """Register, `billing_corrections`, remark on the newest revision and decision log in one transaction; closing
        twice records once, and another ending than the first is a CONFLICT."""

    def find(self, case_id: str) -> CorrectionRow | None:
        """One on record."""

    def latest(self, limit: int, *, only_open: bool = False) -> tuple[CorrectionRow, ...]:
        """The newest first."""
