"""The rules the schema itself carries: each is broken by hand here, and each refuses by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import errors

from adapters.postgres.engine import open_engine
from billing.authority import Role
from sandbox.postgres import PostgresServer
from tests.adapters.postgres.company import found, letter, letter_intent

NEW_INVOICE = (
    "insert into invoices (invoice_id, number, revision, tenant_id, period, status, currency, total_minor, issued_at, "
    "corrects) values "
)

BROKEN = [
    # accounts
    ("insert into tenants select 'b', name, 'gold', currency, zone, country, locale, billing_email from tenants", "tier"),
    ("insert into tenants select 'b', name, tier, 'usd', zone, country, locale, billing_email from tenants", "currency"),
    ("insert into tenants select 'B!', name, tier, 'USD', zone, country, locale, billing_email from tenants", "tenant_id"),
    ("update operators set role = 'intern' where role = 'agent'", "role_known"),
    ("update operators set operator_id = 'runbook' where role = 'agent'", "operator_is_a_person"),
    ("update operators set public_key = 'one for all'", "uq_operators_public_key"),
    ("update contracts set ends = starts", "ends_after_start"),
    ("insert into contracts select 'C-2', tenant_id, currency, now(), null, terms_id, pauses from contracts", "contracts_open"),
    ("update contracts set tenant_id = 'nobody'", "fk_contracts_tenant_id"),
    # documents
    (NEW_INVOICE + "('I2', 'N2', 1, 'acme', '2026-10', 'open', 'USD', 1, now(), null)", "uq_invoices_tenant_id"),
    (NEW_INVOICE + "('I2', 'N2', 2, 'acme', '2026-10', 'open', 'USD', 1, now(), null)", "later_revisions_correct"),
    (NEW_INVOICE + "('I2', 'N2', 1, 'acme', '2026-11', 'open', 'USD', 1, null, null)", "issued_has_a_date"),
    (NEW_INVOICE + "('I2', 'N2', 1, 'acme', '2026-13', 'open', 'USD', 1, now(), null)", "period_is_a_month"),
    (NEW_INVOICE + "('I2', 'N2', 1, 'acme', '2026-11', 'gone', 'USD', 1, now(), null)", "status_known"),
    ("update invoices set total_minor = 1", "is issued and stays as it is"),
    ("update invoices set number = 'INV-1'", "is issued and stays as it is"),
    ("update invoices set status = 'draft'", "is issued and stays as it is"),
    ("delete from invoices", "is issued and stays as it is"),
    ("update invoice_lines set amount_minor = 1", "its lines stay as they are"),
    ("delete from invoice_lines", "its lines stay as they are"),
    # money given back
    ("update credits set amount_minor = 0", "gives_something_back"),
    ("update credits set destination = 'pocket'", "destination_known"),
    ("update credits set balance_minor = amount_minor + 1", "balance_is_a_part"),
    ("insert into credits select 'CR-2', tenant_id, amount_minor, currency, reason, reference_id, step, created_by, "
     "created_at, case_id, invoice_id, destination, goodwill, 'dispute/T-2/credit/r1.1', provider_id from credits",
     "uq_credits_reference_id_step"),
    ("update credit_notes set invoice_id = 'nothing'", "fk_credit_notes_invoice_id"),
    ("insert into billing_corrections values ('acme', 'T-1', 1, 'typo', 1, 'USD', 'runbook', now(), '')", "issue_type"),
    ("insert into billing_corrections values ('acme', 'T-1', 1, 'pricing', -1, 'USD', 'runbook', now(), '')", "credit_not"),
    # cases
    ("update disputes set meters = (select meters from disputes where ticket_id = 'T-1') where ticket_id = 'T-2'",
     "uq_disputes_open"),
    ("update disputes set ending = 'credited'", "closed_has_an_ending"),
    ("update disputes set ending = 'forgotten', closed_at = now()", "ending_known"),
    ("update disputes set duplicate_of = case_id", "no_duplicate_of_itself"),
    ("update disputes set meters = '{}'", "contests_a_meter"),
    ("insert into invoice_corrections values ('correction/I/k-1', 'key', '{}', repeat('0', 64), 'a', null, null, now(), "
     "'forgotten', 'a', '{}', now())", "ending_known"),
    ("insert into invoice_corrections values ('correction/I/k-1', 'key', '{}', repeat('0', 64), 'a', null, null, now(), "
     "'withdrawn')", "closed_with_its_story"),
    ("insert into invoice_corrections values ('correction/I/k-1', 'key', '{}', repeat('0', 64), 'a', 'I9', null, now())",
     "fk_invoice_corrections_invoice_id"),
    # effects and approvals
    ("update effects set state = 'sent' where state = 'confirmed'", "is frozen"),
    ("update effects set state = 'sent' where kind = 'letter'", "sent_is_frozen"),
    ("update effects set state = 'confirmed' where kind = 'letter'", "confirmed_by_the_provider"),
    ("update effects set state = 'lost' where kind = 'letter'", "state_known"),
    ("insert into effects (op_key, kind, case_id, state, request, request_sha256) "
     "values ('x', 'credit', 'c', 'intended', '{}', repeat('0', 64))", "credit_amount"),
    ("update approvals set state = 'approved'", "decided_by_somebody"),
    ("update approvals set state = 'approved', decided_by = 'lead-1@ops.example', decided_role = 'lead', "
     "decided_at = now(), signed_decision = '{}', requested_by = 'lead-1@ops.example'", "another_person_decides"),
    ("update approvals set state = 'approved', decided_by = 'nobody@ops.example', decided_role = 'lead', "
     "decided_at = now(), signed_decision = '{}'", "fk_approvals_decided_by"),
    ("update approvals set expires_at = asked_at", "expires_after_asking"),
    ("insert into approvals select 'x', op_key, position, role, question, request_sha256, requested_by, state, asked_at, "
     "expires_at from approvals", "uq_approvals_op_key_position"),
    ("insert into sent_mail (op_key, case_id, template, recipient, state, letter) "
     "select op_key, case_id, 't', 'r', 'sent', '{}' from effects where kind = 'letter'", "sent_has_a_message_id"),
    # usage
    ("insert into usage_daily values ('acme', 'api_calls', '2026-10-01', 1, 1, now(), now(), now())", "window_not_empty"),
    ("insert into usage_events values (gen_random_uuid(), 'acme', '1999-01-01', 'api_calls', 1, '/', null, null, "
     "gen_random_uuid(), 'k')", "no partition of relation"),
    ("select create_month_partitions('tenants', '2026-01-01', 1)", "tenants is not kept in months"),
    # decisions
    ("insert into decisions values (1, now(), E'two\\nlines', repeat('0', 64), repeat('1', 64))", "one_line_each"),
    ("insert into decisions_head values (true, 1, repeat('0', 64))", "pk_decisions_head"),
    ("insert into decisions_head values (false, 1, repeat('0', 64))", "one_row"),
]  # fmt: skip


# What the story of the fixture does not come by: a day of usage, and a credit that an invoice has used up.
SEED = (
    "insert into usage_daily values ('acme', 'api_calls', '2026-10-02', 5, 2, '2026-10-02', '2026-10-03', now())",
    "insert into credit_applications (credit_id, invoice_id, amount_minor) select credit_id, invoice_id, 100 from credits",
)


@pytest.fixture(scope="module")
def full_database(postgres_server: PostgresServer, database_maker: Callable[[str], None]) -> Iterator[str]:
    """One credited case, one waiting for approval, one recorded letter, a day of usage and a credit that was used up; every
    attempt on it is rolled back."""
    database_maker("rules")
    engine = open_engine(postgres_server.url("rules"))
    company = found(engine)
    company.credit("40.00", ticket_id="T-1")
    company.ask(company.propose("400.00", ticket_id="T-2", path=(Role.LEAD,)))
    company.effects.record(letter_intent(letter()))
    engine.dispose()
    with psycopg.connect(postgres_server.url("rules")) as session:
        for row in SEED:
            session.execute(row)
    yield postgres_server.url("rules")
    with psycopg.connect(postgres_server.url(), autocommit=True) as admin:
        admin.execute("drop database rules with (force)")


@pytest.mark.parametrize(("statement", "rule"), BROKEN, ids=[rule for _, rule in BROKEN])
def test_a_rule_cannot_be_broken_by_hand(full_database: str, statement: str, rule: str) -> None:
    with psycopg.connect(full_database) as session, pytest.raises(errors.Error, match=rule):
        session.execute(statement)
        session.rollback()


@pytest.mark.parametrize(
    "allowed",
    [
        "update invoices set status = 'paid', provider_invoice_id = 'in_7', dispute_note = 'seen'",
        "update invoices set status = 'void', void_reason = 'made out to the wrong company'",
        "update credit_applications set handed_back_at = now()",
        "insert into invoice_lines select invoice_id, 9, 'late line', null, 1, 0 from invoices",
        "update operators set active = false",
        "update usage_daily set quantity = 1",
    ],
)
def test_what_may_change_can_be_changed(full_database: str, allowed: str) -> None:
    with psycopg.connect(full_database) as session:
        changed = session.execute(allowed).rowcount
        session.rollback()

    assert changed > 0


@pytest.mark.parametrize(
    "forbidden",
    [
        "delete from credits",
        "update credits set amount_minor = 1",
        "update credit_notes set amount_minor = 1",
        "update billing_corrections set notes = ''",
        "delete from approval_refusals",
        "delete from invoice_corrections",
        "update credit_applications set amount_minor = 1",
        "update usage_events set quantity = 0",
        "drop table tenants",
        "truncate effects",
    ],
)
def test_the_application_role_has_no_right_to_rewrite_the_record(full_database: str, forbidden: str) -> None:
    with psycopg.connect(full_database) as session:
        session.execute("set role runbooks_app")
        with pytest.raises(errors.InsufficientPrivilege):
            session.execute(forbidden)
        session.rollback()


def test_the_application_role_makes_months_ahead_without_owning_the_tables(full_database: str) -> None:
    with psycopg.connect(full_database) as session:
        session.execute("set role runbooks_app")

        made = session.execute("select create_month_partitions('usage_events', '2026-11-20', 3)").fetchone()
        again = session.execute("select create_month_partitions('usage_events', '2026-12-01', 3)").fetchone()

        assert (made, again) == ((3,), (1,))
        session.execute(
            "insert into usage_events values (gen_random_uuid(), 'acme', '2027-02-28 23:59:59.999+00', 'api_calls', 1, "
            "'/v1', null, null, gen_random_uuid(), 'key-1')"
        )
        session.rollback()
