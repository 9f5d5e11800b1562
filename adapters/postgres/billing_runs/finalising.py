"""Issuing a shard's drafts in one transaction: numbers without gaps, credits applied, and an effect for each document.

The series of numbers is taken last, since whoever issues for the same legal entity waits from there to the commit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from sqlalchemy import Connection, text

from adapters.postgres.billing_runs import parties
from adapters.postgres.billing_runs.copying import copy_rows
from adapters.postgres.billing_runs.credit_use import apply_credits
from adapters.postgres.billing_runs.held_drafts import put_held_aside
from adapters.postgres.billing_runs.register import OF_SHARD, Run, still_works
from adapters.postgres.number_series import take_numbers
from billing.effects import EffectKind, EffectState
from billing.failures import BillingFailure, FailureCode
from billing.invoices import InvoiceStatus
from billing.month_end import Outcome, Shard, ShardResult, case_id, invoice_op_key

_DRAFTS = text(f"""
    select invoice.invoice_id, invoice.tenant_id, invoice.legal_entity_id, invoice.currency, invoice.total_minor,
        {parties.id_in_sql(parties.OF_TENANT)} as party_id
    from invoices as invoice
    join tenants as tenant on tenant.tenant_id = invoice.tenant_id
    where {OF_SHARD} and invoice.run_id = :run_id and invoice.status = 'draft'
        and tenant.tenant_id between :first and :last
    order by invoice.legal_entity_id, invoice.tenant_id
""")  # noqa: S608 - words of ours

# Arrays instead of rows of parameters: one statement, whatever the size of the shard.
_ISSUE = text(f"""
    update invoices as invoice
    set number = issued.number, status = issued.status, issued_at = :now, billed_by = issued.billed_by,
        billed_to = issued.billed_to, applied_credit_minor = issued.applied_minor
    from unnest(
        cast(:ids as text[]), cast(:numbers as text[]), cast(:statuses as text[]), cast(:by as bigint[]),
        cast(:to as bigint[]), cast(:applied as bigint[])
    ) as issued(invoice_id, number, status, billed_by, billed_to, applied_minor)
    where invoice.invoice_id = issued.invoice_id and invoice.status = 'draft' and {OF_SHARD}
""")  # noqa: S608 - words of ours

_EFFECT_COLUMNS = {
    "op_key": "text",
    "kind": "text",
    "case_id": "text",
    "tenant_id": "text",
    "state": "text",
    "request": "jsonb",
    "request_sha256": "text",
    "intended_at": "timestamptz",
}

_ISSUED = text(f"""
    select count(*) as issued, (
        select count(*) from run_parkings as parking
        where parking.run_id = :run_id and parking.tenant_id between :first and :last
    ) as parked
    from invoices as invoice where {OF_SHARD} and invoice.run_id = :run_id and invoice.status <> 'draft'
""")  # noqa: S608 - words of ours


class Document(NamedTuple):
    """A draft about to be issued; amounts in minor units of `currency`."""

    invoice_id: str
    tenant_id: str
    entity_id: str
    currency: str
    total_minor: int
    party_id: int
    applied_minor: int

    @property
    def due_minor(self) -> int:
        """What is left to pay after the credit that was applied."""
        return self.total_minor - self.applied_minor

    @property
    def status(self) -> InvoiceStatus:
        """What nothing is due on is paid by being issued."""
        return InvoiceStatus.OPEN if self.due_minor > 0 else InvoiceStatus.PAID


def finalise(connection: Connection, run: Run, shard: Shard, now: datetime) -> None:
    """Issue what the run drafted for the shard. Raises UNAVAILABLE when somebody else changed a draft meanwhile."""
    still_works(connection, run.run_id)
    put_held_aside(connection, run, shard, now)
    documents = _documents(connection, run, shard, now)
    if not documents:
        return
    issuers = parties.issuers(connection, {document.entity_id for document in documents})
    numbers: list[str] = []
    for entity_id, mine in groupby(documents, attrgetter("entity_id")):
        numbers += take_numbers(connection, f"{issuers[entity_id].number_prefix}-{now.year}", len(list(mine)))
    _issue(connection, run.parameters | shard.model_dump(), documents, numbers, issuers, now)
    copy_rows(connection, "effects", _EFFECT_COLUMNS, _effects(run.period, documents, numbers, now))


def issued(connection: Connection, run: Run, shard: Shard) -> ShardResult:
    """What became of the shard's drafts."""
    row = connection.execute(_ISSUED, run.parameters | shard.model_dump()).one()
    outcomes = {Outcome.RATED: row.issued, Outcome.PARKED: row.parked}
    return ShardResult(outcomes={outcome: count for outcome, count in outcomes.items() if count})


def effect_request(document: Document, number: str) -> bytes:
    """The effect's request as `billing.corrections.sha256_of` writes it before hashing: sorted, without spaces.

    Written by hand, ten times as fast; none of the values can hold a character that JSON escapes.
    """
    return (
        f'{{"currency":"{document.currency}","due_minor":{document.due_minor},"invoice_id":"{document.invoice_id}",'
        f'"number":"{number}","total_minor":{document.total_minor}}}'
    ).encode()


def _documents(connection: Connection, run: Run, shard: Shard, now: datetime) -> list[Document]:
    wanted = run.parameters | shard.model_dump()
    drafts = connection.execute(_DRAFTS, wanted).all()
    if unknown := [draft.tenant_id for draft in drafts if draft.party_id is None]:
        parties.add_tenants(connection, unknown)
        drafts = connection.execute(_DRAFTS, wanted).all()
    applied = apply_credits(connection, shard, drafts, now)
    return [
        Document(
            invoice_id=draft.invoice_id,
            tenant_id=draft.tenant_id,
            entity_id=draft.legal_entity_id,
            currency=draft.currency,
            total_minor=draft.total_minor,
            party_id=draft.party_id,
            applied_minor=applied.get(draft.invoice_id, 0),
        )
        for draft in drafts
    ]


def _issue(
    connection: Connection,
    of_shard: Mapping[str, object],
    documents: Sequence[Document],
    numbers: Sequence[str],
    issuers: dict[str, parties.Issuer],
    now: datetime,
) -> None:
    changed = connection.execute(
        _ISSUE,
        {
            **of_shard,
            "now": now,
            "ids": [document.invoice_id for document in documents],
            "numbers": numbers,
            "statuses": [document.status.value for document in documents],
            "by": [issuers[document.entity_id].party_id for document in documents],
            "to": [document.party_id for document in documents],
            "applied": [document.applied_minor for document in documents],
        },
    )
    if changed.rowcount != len(documents):
        raise BillingFailure(
            FailureCode.UNAVAILABLE,
            f"{len(documents) - changed.rowcount} drafts were issued or parked by somebody else meanwhile: try again",
        )


def _effects(
    period: str, documents: Iterable[Document], numbers: Iterable[str], now: datetime
) -> Iterable[tuple[object, ...]]:
    filed, kind, state = case_id(period), EffectKind.INVOICE.value, EffectState.INTENDED.value
    for document, number in zip(documents, numbers, strict=True):
        request = effect_request(document, number)
        op_key = invoice_op_key(period, document.invoice_id.removeprefix(f"inv-{period}-"))
        sha256 = hashlib.sha256(request).hexdigest()
        yield op_key, kind, filed, document.tenant_id, state, request, sha256, now
