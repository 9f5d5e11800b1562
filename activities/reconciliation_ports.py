"""The ports of reconciliation, beside `activities/ports.py` and under the same rules."""

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from billing.policy.reconciliation import ReconciliationPolicy
from billing.reconciliation import Theirs
from billing.reconciliation_report import ListedDifference, ReconciliationReport
from billing.reconciling import DuplicateInvoice, ReconciliationOrder


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class InvoicePage(_Record):
    """A page of the provider's list, the newest first: what of it concerns the period, how many it held, and the cursor
    behind its last one."""

    invoices: tuple[Theirs, ...]
    held: int
    cursor: str


class Reading(_Record):
    """How far the provider's list has been read; `cursor` None at the beginning."""

    cursor: str | None
    read: int
    complete: bool


class ReconciliationRow(_Record):
    """A reconciliation as it is on record; `report` None while it is under way."""

    order: ReconciliationOrder
    started_at: datetime
    ended_at: datetime | None
    read: int
    report: ReconciliationReport | None


class ProviderSnapshot(Protocol):
    """The provider's invoices, page by page."""

    def pages(self, period: str, after: str | None) -> Iterator[InvoicePage]:
        """Every invoice that may belong to the period and was there when it is read, beginning behind the cursor."""


class ReconciliationBook(Protocol):
    """Reconciliations on record, with what was read and every difference found; everything set-wise."""

    def open(self, order: ReconciliationOrder, now: datetime, idempotency_key: str | None = None) -> ReconciliationRow:
        """Put it on record, or answer the one that is there. The same key with another order is a CONFLICT."""

    def month_end_works(self, period: str) -> bool:
        """Whether a run bills the period now."""

    def reading(self, reconciliation_id: str) -> Reading:
        """How far it has read. Raises NOT_FOUND."""

    def keep(self, reconciliation_id: str, page: InvoicePage | None) -> int:
        """Keep a page with its cursor in one transaction, None when there is no further one; answers how many were read.
        A page that was kept before changes nothing."""

    def compare(self, reconciliation_id: str, policy: ReconciliationPolicy) -> ReconciliationReport:
        """Record every difference in `billing_audit` and sum them up; a second call records nothing and answers the
        same."""

    def close(self, reconciliation_id: str, report: ReconciliationReport | None, now: datetime) -> None:
        """It is over, with its report or without one. The provider's rows that differ in nothing are let go."""

    def find(self, reconciliation_id: str) -> ReconciliationRow | None:
        """One on record."""

    def newest(self, period: str | None, limit: int) -> tuple[ReconciliationRow, ...]:
        """The latest, of one period or of all."""

    def differences(self, reconciliation_id: str, after: int, limit: int) -> tuple[ListedDifference, ...]:
        """Those on record, beyond tolerance first; `after` skips so many."""

    def duplicates(self, reconciliation_id: str) -> tuple[DuplicateInvoice, ...]:
        """Every invoice that it found beside the one that counts, the paid ones left out: these cannot be voided."""
