"""What a case reads when it opens: tenants, contracts, invoices, policies; and who is written to."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from adapters.policies import Policies
from adapters.postgres.engine import transaction
from adapters.postgres.operators import Operator
from adapters.postgres.partitions import make_months
from adapters.postgres.tables import usage_events
from adapters.postgres.ticket_notes import TicketNotes
from billing.authority import Role
from billing.contracts import Terms
from billing.emails import Recipient
from billing.failures import BillingFailure, FailureCode
from billing.invoices import InvoiceStatus
from billing.policy.standard import STANDARD
from billing.prices import MeterPrice, PriceTier
from tests.adapters.postgres.company import ACME, NOON, ORIGINAL, Company, contract, invoice

SPRING = datetime(2026, 4, 1, 4, tzinfo=UTC)


def test_a_tenant_reads_as_it_was_written(company: Company) -> None:
    assert company.tenants.find("acme") == ACME
    assert company.tenants.find("nobody") is None
    assert company.tenants.known_meters() == {"api_calls"}


@pytest.mark.parametrize(
    ("at", "contract_id"),
    [
        (datetime(2025, 12, 31, tzinfo=UTC), None),
        (SPRING - timedelta(microseconds=1), "C-acme-1"),
        (SPRING, "C-acme-2"),
        (NOON, "C-acme-2"),
    ],
)
def test_the_contract_in_force_starts_at_its_moment_and_ends_before_the_next(
    company: Company, at: datetime, contract_id: str | None
) -> None:
    company.tenants.agree(contract(ends=SPRING))
    company.tenants.agree(contract(contract_id="C-acme-2", starts=SPRING))

    found = company.tenants.contract("acme", at)

    assert (found.contract_id if found else None) == contract_id


def test_a_contract_keeps_its_prices_to_the_last_decimal(company: Company) -> None:
    tiers = (
        PriceTier(up_to=Decimal("1000000.000001"), unit_amount=Decimal("0.12345678")),
        PriceTier(unit_amount=Decimal("0.1")),
    )
    fine = MeterPrice(meter="api_calls", included=Decimal("50.000001"), tiers=tiers)
    agreed = contract(terms=Terms(currency="USD", prices=(fine,)))
    company.tenants.agree(agreed)

    assert company.tenants.contract("acme", NOON) == agreed


def test_a_document_is_found_by_its_id_and_by_the_number_printed_on_it(company: Company) -> None:
    second = invoice(invoice_id="I-2", number="2026/10/N-2", revision=2, corrects=ORIGINAL)
    company.invoices.issue(second)
    third = invoice(invoice_id="I-3", number="I-2", revision=3, corrects="I-2")
    company.invoices.issue(third)

    found = [company.invoices.named(name) for name in ("I-2", "2026/10/N-2", "I-3")]
    with pytest.raises(BillingFailure, match="there is no invoice N-2") as missing:
        company.invoices.named("N-2")

    assert found == [second, second, third]
    assert missing.value.code is FailureCode.NOT_FOUND


def test_the_latest_invoice_is_the_newest_revision_that_counts(company: Company) -> None:
    second = invoice(invoice_id="I-2", number="N-2", revision=2, corrects=ORIGINAL)
    third = invoice(invoice_id="I-3", number="N-3", revision=3, corrects="I-2", status=InvoiceStatus.VOID)
    company.invoices.issue(second)
    company.invoices.issue(third)
    company.invoices.issue(invoice(invoice_id="I-4", number="N-4", period="2026-11", status=InvoiceStatus.DRAFT))

    assert company.invoices.latest("acme", "2026-10") == second
    assert company.invoices.latest("acme", "2026-11") is None
    assert company.invoices.get("I-3") == third


def test_an_invoice_nobody_issued_is_not_found(company: Company) -> None:
    with pytest.raises(BillingFailure, match="there is no invoice I-9") as refused:
        company.invoices.get("I-9")

    assert refused.value.code is FailureCode.NOT_FOUND


def test_letters_go_to_every_active_operator_of_the_role(company: Company) -> None:
    company.hire(Role.LEAD, "a-lead@ops.example")
    company.hire(Role.LEAD, "gone@ops.example")
    company.operators.deactivate("gone@ops.example")

    assert company.operators.recipients(Role.LEAD) == [
        Recipient(name="a-lead@ops.example", email="a-lead@ops.example"),
        Recipient(name="lead-1@ops.example", email="lead-1@ops.example"),
    ]
    assert company.operators.role_of("gone@ops.example") is None
    assert company.operators.role_of("lead-1@ops.example") is Role.LEAD


def test_an_operator_is_added_once_and_only_known_ones_leave(company: Company) -> None:
    twin = Operator(
        operator_id="lead-1@ops.example", name="", email="lead-1@ops.example", role=Role.LEAD, public_key="k"
    )

    with pytest.raises(BillingFailure) as taken:
        company.operators.add(twin)
    with pytest.raises(BillingFailure) as unknown:
        company.operators.deactivate("nobody@ops.example")

    assert (taken.value.code, unknown.value.code) == (FailureCode.CONFLICT, FailureCode.NOT_FOUND)


def test_a_tenant_without_a_bundle_has_the_standard_policy_at_the_configured_speed(company: Company) -> None:
    assert company.policies.in_force(ACME) == STANDARD
    assert Policies(company.engine, speed=60).in_force(None) == STANDARD.accelerated(60)
    own_pace = Policies(company.engine, speed=60, recovery_speed=600).in_force(None)
    assert own_pace == STANDARD.accelerated(60, recovery=600)


def test_a_tenants_own_bundle_is_in_force_for_it_alone(company: Company) -> None:
    own = STANDARD.model_copy(update={"version": "acme-2026"})
    company.tenants.carry_policy("acme", own)

    assert company.policies.in_force(ACME) == own
    assert company.policies.in_force(ACME.model_copy(update={"tenant_id": "bolt"})) == STANDARD


def test_a_bundle_that_breaks_a_rule_is_named_and_not_used(company: Company) -> None:
    company.tenants.carry_policy("acme", STANDARD)
    company.run("update tenant_policies set bundle = jsonb_set(bundle, '{sla,warn_at}', '7')")

    with pytest.raises(BillingFailure, match=r"policy bundle of acme is not valid: sla\.warn_at") as refused:
        company.policies.in_force(ACME)

    assert refused.value.code is FailureCode.INVALID


def test_a_note_reaches_the_ticket_once(company: Company) -> None:
    notes = TicketNotes(company.engine)

    notes.note("T-1", "dispute/T-1/note/r1", "Counted twice; credited.")
    notes.note("T-1", "dispute/T-1/note/r1", "Counted twice; credited.")
    notes.note("T-1", "dispute/T-1/note/r2", "Looked at again.")

    assert notes.on("T-1") == ["Counted twice; credited.", "Looked at again."]


def test_months_are_made_ahead_once_and_hold_events_by_utc_month(company: Company) -> None:
    with transaction(company.engine) as connection:
        made = make_months(connection, date(2026, 11, 20), date(2027, 1, 1))
        again = make_months(connection, date(2026, 12, 31), date(2027, 2, 1))

    assert (made, again) == (6, 2)
    assert company.rows(
        "select relname from pg_class where relispartition and relkind = 'r' order by relname limit 2"
    ) == [
        {"relname": "request_logs_y2026m11"},
        {"relname": "request_logs_y2026m12"},
    ]
    with transaction(company.engine) as connection:
        assert connection.execute(select(usage_events)).all() == []
