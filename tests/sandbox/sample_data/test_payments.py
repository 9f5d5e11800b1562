"""The provider's books say the same as ours."""

from __future__ import annotations

from sandbox.sample_data import Loaded
from sandbox.sample_data.roster import ROSTER
from sandbox.stripe.control import StripeControl
from tests.sandbox.sample_data.audit import Audit


def test_every_tenant_is_a_customer_with_a_card(audit: Audit, at_stripe: StripeControl) -> None:
    ours = dict(audit.rows("select provider_customer_id, billing_email from tenants"))

    customers = at_stripe.state()["customer"]

    assert {customer["id"]: customer["email"] for customer in customers} == ours
    assert len(customers) == len(ROSTER)
    assert all(customer["invoice_settings"]["default_payment_method"] for customer in customers)


def test_every_invoice_above_nothing_is_there_with_its_amount_and_paid_where_ours_is(
    audit: Audit, at_stripe: StripeControl
) -> None:
    ours = audit.rows(
        "select provider_invoice_id, number, lower(currency), total_minor, status from invoices where total_minor > 0"
    )

    theirs = [
        (invoice["id"], invoice["number"], invoice["currency"], invoice["total"], invoice["status"])
        for invoice in at_stripe.state()["invoice"]
    ]

    assert sorted(theirs) == sorted(ours)
    assert {status for *_, status in ours} == {"open", "paid"}


def test_an_invoice_of_nothing_stays_with_us(audit: Audit, loaded: Loaded) -> None:
    of_nothing = audit.rows("select status, provider_invoice_id from invoices where total_minor = 0")

    assert of_nothing
    assert set(of_nothing) == {("paid", None)}
    assert loaded.mirrored_invoices == loaded.invoices - len(of_nothing)


def test_every_call_of_the_load_is_one_that_the_provider_knows(loaded: Loaded, at_stripe: StripeControl) -> None:
    violations = at_stripe.violations()

    assert violations == []
