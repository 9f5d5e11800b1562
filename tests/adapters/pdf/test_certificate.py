"""The certificate of a deletion: the same bytes for the same deletion, and room for as many customers as there are."""

from __future__ import annotations

from datetime import UTC, datetime

from adapters.pdf.certificate import print_certificate
from billing.policy.retention import Fate
from billing.retention import CertifiedRow, DeletionCertificate, Spared
from tests.adapters.pdf.test_pdf import pages

MONDAY = datetime(2026, 11, 23, 7, tzinfo=UTC)


def certificate(customers: int) -> DeletionCertificate:
    return DeletionCertificate(
        plan_id="2026-11-23",
        plan_sha256="5d" * 32,
        as_of=MONDAY,
        confirmed_by="finance-1@ops.example",
        approved_by=("vp-1@ops.example",),
        begun_at=MONDAY,
        finished_at=MONDAY,
        rows=tuple(
            CertifiedRow(tenant_id=f"c-{n}", table="usage_events", fate=Fate.DELETE, planned=90_397_013, gone=9, left=0)
            for n in range(customers)
        ),
        spared=(Spared(subject="acme", why="deletion is held by lead-1@ops.example: a court asked"),),
    )


def test_the_same_deletion_has_one_certificate() -> None:
    first, second = print_certificate(certificate(3)), print_certificate(certificate(3))

    assert first == second
    assert pages(first) == 1


def test_a_long_one_goes_on_over_the_pages_it_needs() -> None:
    long = print_certificate(certificate(200))

    assert pages(long) == 6
