"""A document that is declared void leaves its place: a rerun bills the tenant's period again, and nobody else's."""

from __future__ import annotations

from adapters.postgres.document_changes import carry_into_the_books
from adapters.postgres.invoice_pushes import InvoicePushes
from adapters.postgres.invoices import Invoices
from billing.invoice_corrections import Deed, StatusChange
from billing.money import Money
from billing.month_end import BillingRun
from billing.policy.month_end import Errand
from tests.adapters.postgres.billing_runs.world import EVERYBODY, FINANCE, NOW, PERIOD, House

ISSUED = "select invoice_id, revision, status from invoices where period = '2026-10' order by invoice_id"
FIRST, AGAIN, THIRD = (f"inv-2026-10-acme{bill}" for bill in ("", "-B2", "-B3"))


def voided(house: House, invoice_id: str) -> Money:
    """What the correction runbook does to the books once the provider has voided the invoice."""
    (document,) = house.rows("select number, total_minor from invoices where invoice_id = :of", of=invoice_id)
    change = StatusChange(
        op_key=f"correction/{document['number']}/k-1/void/1",
        case_id=f"correction/{document['number']}/k-1",
        invoice_id=invoice_id,
        number=document["number"],
        tenant_id="acme",
        period=PERIOD,
        deed=Deed.VOID,
        amount=Money(minor=document["total_minor"], currency="USD"),
        reason="made out to the wrong company",
        requested_by=FINANCE,
    )
    with house.engine.begin() as connection:
        return carry_into_the_books(connection, change, NOW)


def billed(house: House) -> BillingRun:
    """A month end for two tenants, one of whom has 10.00 from an earlier credit."""
    for tenant_id in ("acme", "beta"):
        house.tenant(tenant_id)
        house.used(tenant_id, 1_000)
    house.credit("acme", 10_00, "T-1")
    return house.billed()


def test_a_void_document_is_billed_again_under_another_number(house: House) -> None:
    billed(house)
    before = house.rows("select number, total_minor from invoices where invoice_id = :of", of=FIRST)
    handed_back = voided(house, FIRST)

    house.billed("second", only_parked=True)

    assert house.rows(ISSUED) == [
        {"invoice_id": FIRST, "revision": 0, "status": "void"},
        {"invoice_id": AGAIN, "revision": 1, "status": "open"},
        {"invoice_id": "inv-2026-10-beta", "revision": 1, "status": "open"},
    ]
    (again,) = house.rows(
        "select number, total_minor, applied_credit_minor from invoices where invoice_id = :of", of=AGAIN
    )
    assert handed_back == Money(minor=10_00, currency="USD")
    assert (again["total_minor"], again["applied_credit_minor"]) == (before[0]["total_minor"], 10_00)
    assert again["number"] != before[0]["number"]
    assert len(house.lines("acme")) == 2 * len(house.lines("beta"))


def test_without_a_void_there_is_nothing_to_bill_again(house: House) -> None:
    billed(house)

    house.billed("second", only_parked=True)

    assert [row["invoice_id"] for row in house.rows(ISSUED)] == [FIRST, "inv-2026-10-beta"]


def test_the_new_document_has_errands_of_its_own(house: House) -> None:
    first = billed(house)
    house.run("update effects set state = 'confirmed', provider_id = 'in_' || tenant_id where kind = 'invoice'")
    voided(house, FIRST)

    second = house.billed("second", only_parked=True)

    assert house.runs.waiting(first.run_id, Errand.PUSH) == 1
    (unsettled,) = InvoicePushes(house.engine).unsettled(second.run_id, EVERYBODY)
    assert (unsettled.invoice_id, unsettled.op_key) == (AGAIN, "month-end/2026-10/invoice/acme-B2")
    keys = house.column("select op_key from effects where kind = 'invoice' order by op_key")
    assert keys == [f"month-end/2026-10/invoice/{bill}" for bill in ("acme", "acme-B2", "beta")]


def test_the_newest_bill_is_what_the_period_came_to(house: House) -> None:
    billed(house)
    for name, invoice_id in (("second", FIRST), ("third", AGAIN)):
        voided(house, invoice_id)
        house.billed(name, only_parked=True)

    newest = Invoices(house.engine).latest("acme", PERIOD)

    assert newest is not None
    assert (newest.invoice_id, newest.revision, newest.corrects) == (THIRD, 1, None)
    assert [row["revision"] for row in house.rows(ISSUED)] == [0, -1, 1, 1]


def test_usage_that_a_void_document_billed_late_is_billed_on_the_next(house: House) -> None:
    billed(house)
    house.run(
        "insert into late_usage (event_time, event_id, tenant_id, meter, period, quantity, billed_on) "
        "values ('2026-09-05', gen_random_uuid(), 'acme', 'api_calls', '2026-09', 7, :on)",
        on=FIRST,
    )

    voided(house, FIRST)

    assert house.column("select billed_on from late_usage") == [None]
    house.billed("second", only_parked=True)
    assert house.column("select billed_on from late_usage") == [AGAIN]
