"""Our books against the provider's, invoice by invoice: what belongs together, how it differs, and what would repair it.

`differences` is the rule; the adapter asks the same question set-wise in SQL, and a property test holds the two together.
Amounts are minor units. Nothing nets: an amount too high on one invoice never excuses one too low on another (P5).
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from billing.invoices import InvoiceStatus
from billing.policy.reconciliation import ReconciliationPolicy
from billing.reconciliation_repairs import (
    CURRENCY_REPAIR,
    DUE_REPAIR,
    DUPLICATE_REPAIRS,
    MISSING_AT_PROVIDER_REPAIR,
    MISSING_IN_BOOKS_REPAIR,
    STATUS_REPAIRS,
    TOO_LITTLE_REPAIR,
    TOO_MUCH_REPAIR,
)

# The provider collected what we billed and our books do not say so yet: on record, and nobody's alarm.
AHEAD = frozenset({(InvoiceStatus.OPEN, InvoiceStatus.PAID), (InvoiceStatus.UNCOLLECTIBLE, InvoiceStatus.PAID)})
# What somebody owes or paid; a draft is nothing yet, a void one nothing any more.
LIVE = frozenset({InvoiceStatus.OPEN, InvoiceStatus.PAID, InvoiceStatus.UNCOLLECTIBLE})


class Difference(StrEnum):
    """How our books and the provider's disagree (P5)."""

    MISSING_AT_PROVIDER = "missing_at_provider"
    MISSING_IN_BOOKS = "missing_in_books"
    STATUS = "status"
    AMOUNT = "amount"
    CURRENCY = "currency"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Ours:
    """The newest revision of one of our documents; `numbers` are those of all its revisions, `op_key` that of its push."""

    invoice_id: str
    tenant_id: str
    op_key: str
    numbers: frozenset[str]
    status: InvoiceStatus
    currency: str
    total_minor: int
    due_minor: int
    lines: int
    provider_invoice_id: str | None
    provider_customer_id: str | None

    @property
    def settled_by_credit(self) -> bool:
        """Open with nothing due: the provider calls that paid, and both mean the same."""
        return self.status is InvoiceStatus.OPEN and self.due_minor == 0


@dataclass(frozen=True, slots=True)
class Theirs:
    """One invoice as the provider holds it; `credited_minor` is the sum of its credit notes."""

    provider_invoice_id: str
    provider_customer_id: str | None
    op_key: str | None
    number: str | None
    status: InvoiceStatus
    currency: str
    total_minor: int
    due_minor: int
    credited_minor: int
    created_at: datetime

    @property
    def net_minor(self) -> int:
        """What is billed after its credit notes, which is what our newest revision restates."""
        return self.total_minor - self.credited_minor


@dataclass(frozen=True, slots=True)
class Found:
    """One difference as it goes on record: where, by how much, whether it may be so, and what would repair it.

    Amounts are what each side bills by it, 0 for what is a draft or void; None where there is nothing on that side.
    """

    difference: Difference
    tenant_id: str | None
    invoice_id: str | None
    provider_invoice_id: str | None
    currency: str | None
    internal_minor: int | None
    provider_minor: int | None
    tolerance_minor: int | None
    within_tolerance: bool
    detail: str
    repair: str


@dataclass(frozen=True, slots=True)
class Matched:
    """What belongs together: pairs, what stands alone on either side, and copies beside the document they copy."""

    pairs: tuple[tuple[Ours, Theirs], ...]
    ours_alone: tuple[Ours, ...]
    theirs_alone: tuple[Theirs, ...]
    copies: tuple[tuple[Ours, Theirs], ...]


def differences(ours: Sequence[Ours], theirs: Sequence[Theirs], policy: ReconciliationPolicy) -> list[Found]:
    """Every difference of a period; both sequences hold each invoice once."""
    matched = match(ours, theirs)
    found = [one for pair in matched.pairs for one in _between(*pair, policy)]
    found += [_missing_at_provider(document) for document in matched.ours_alone]
    found += [_missing_in_books(invoice) for invoice in matched.theirs_alone]
    found += [_duplicate(*copy) for copy in matched.copies]
    return found


def match(ours: Sequence[Ours], theirs: Sequence[Theirs]) -> Matched:
    """Bring together what belongs together: by the provider's id in our books, else by the mark of our push, else by
    number. Of several invoices for one document a live one counts, the linked before the oldest; the others are copies."""
    linked = {document.provider_invoice_id: document for document in ours if document.provider_invoice_id}
    known = {name: document for document in ours for name in (document.op_key, *document.numbers)}
    pairs: dict[str, tuple[Ours, Theirs]] = {}
    copies, strangers = [], []
    for invoice in sorted(theirs, key=lambda one: _precedence(one, linked.keys())):
        document = linked.get(invoice.provider_invoice_id) or known.get(invoice.op_key or "")
        document = document or known.get(invoice.number or "")
        if document is None:
            strangers.append(invoice)
        elif document.invoice_id not in pairs:
            pairs[document.invoice_id] = (document, invoice)
        elif invoice.status is not InvoiceStatus.VOID:
            copies.append((document, invoice))
    alone = []
    for invoice in (one for one in strangers if one.status in LIVE):
        twin = _twin(invoice, ours)
        if twin is None:
            alone.append(invoice)
        else:
            copies.append((twin, invoice))
    unpaired = tuple(
        document
        for document in ours
        if document.invoice_id not in pairs and document.total_minor and _is_live(document)
    )
    return Matched(tuple(pairs.values()), unpaired, tuple(alone), tuple(copies))


def status_repair(ours: Ours, theirs: Theirs) -> str | None:
    """What would bring the two statuses together; None when they say the same."""
    if ours.settled_by_credit and theirs.status is InvoiceStatus.PAID:
        return None
    return STATUS_REPAIRS.get((ours.status, theirs.status))


def _precedence(invoice: Theirs, linked: Container[str]) -> tuple[bool, bool, bool, datetime, str]:
    """Which of several invoices for one document is the authoritative one: the least of these (B2)."""
    return (
        invoice.status not in LIVE,
        invoice.provider_invoice_id not in linked,
        invoice.status is InvoiceStatus.VOID,
        invoice.created_at,
        invoice.provider_invoice_id,
    )


def _twin(invoice: Theirs, ours: Sequence[Ours]) -> Ours | None:
    """A document of the same customer over the same amount: an unmarked invoice like it was made by another hand."""
    alike = (
        document
        for document in ours
        if document.provider_customer_id is not None
        and document.provider_customer_id == invoice.provider_customer_id
        and (document.currency, document.total_minor) == (invoice.currency, invoice.net_minor)
        and _is_live(document)
    )
    return min(alike, key=lambda document: document.invoice_id, default=None)


def _is_live(document: Ours) -> bool:
    return document.status in LIVE


def _between(ours: Ours, theirs: Theirs, policy: ReconciliationPolicy) -> list[Found]:
    found = []
    if repair := status_repair(ours, theirs):
        ahead = (ours.status, theirs.status) in AHEAD
        detail = f"{ours.status} in the books, {theirs.status} at the provider"
        found.append(_found(Difference.STATUS, ours, theirs, within=ahead, detail=detail, repair=repair))
    if not (_is_live(ours) and theirs.status in LIVE):
        return found
    if ours.currency != theirs.currency:
        detail = f"{ours.currency} in the books, {theirs.currency} at the provider"
        return [*found, _found(Difference.CURRENCY, ours, theirs, within=False, detail=detail, repair=CURRENCY_REPAIR)]
    return [*found, *_apart(ours, theirs, policy)]


def _apart(ours: Ours, theirs: Theirs, policy: ReconciliationPolicy) -> list[Found]:
    """The totals, after credit notes; where these agree and nothing was credited, what is due."""
    internal, provider = ours.total_minor, theirs.net_minor
    detail, repair = "the totals differ", TOO_MUCH_REPAIR if provider > internal else TOO_LITTLE_REPAIR
    if internal == provider and not theirs.credited_minor:
        internal, provider = ours.due_minor, theirs.due_minor
        detail, repair = "the totals agree, the amounts due differ", DUE_REPAIR
    if internal == provider:
        return []
    tolerance = policy.tolerance(internal, ours.lines)
    return [
        Found(
            difference=Difference.AMOUNT,
            tenant_id=ours.tenant_id,
            invoice_id=ours.invoice_id,
            provider_invoice_id=theirs.provider_invoice_id,
            currency=ours.currency,
            internal_minor=internal,
            provider_minor=provider,
            tolerance_minor=tolerance,
            within_tolerance=abs(internal - provider) <= tolerance,
            detail=detail,
            repair=repair,
        )
    ]


def _missing_at_provider(ours: Ours) -> Found:
    detail = "in the books, not at the provider"
    return _found(
        Difference.MISSING_AT_PROVIDER, ours, None, within=False, detail=detail, repair=MISSING_AT_PROVIDER_REPAIR
    )


def _missing_in_books(theirs: Theirs) -> Found:
    detail = "at the provider, not in the books"
    return _found(
        Difference.MISSING_IN_BOOKS, None, theirs, within=False, detail=detail, repair=MISSING_IN_BOOKS_REPAIR
    )


def _duplicate(ours: Ours, theirs: Theirs) -> Found:
    repair = DUPLICATE_REPAIRS[theirs.status]
    detail = f"a second invoice for {ours.invoice_id}, {theirs.status}"
    found = _found(Difference.DUPLICATE, ours, theirs, within=False, detail=detail, repair=repair)
    return replace(found, currency=theirs.currency, internal_minor=None)


def _found(
    difference: Difference, ours: Ours | None, theirs: Theirs | None, *, within: bool, detail: str, repair: str
) -> Found:
    one = ours or theirs
    return Found(
        difference=difference,
        tenant_id=ours.tenant_id if ours else None,
        invoice_id=ours.invoice_id if ours else None,
        provider_invoice_id=theirs.provider_invoice_id if theirs else None,
        currency=one.currency if one else None,
        internal_minor=(ours.total_minor if _is_live(ours) else 0) if ours else None,
        provider_minor=(theirs.net_minor if theirs.status in LIVE else 0) if theirs else None,
        tolerance_minor=None,
        within_tolerance=within,
        detail=detail,
        repair=repair,
    )
