"""A month end from its opening to its closing: what is written, once, and what the documents say."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine

from billing.contracts import FixedDiscount, PercentDiscount, RecurringFee, Terms
from billing.corrections import sha256_of
from billing.month_end import Outcome, Shard
from billing.prices import MeterPrice, PriceTier
from tests.adapters.postgres.billing_runs.world import API_CALLS, NOW, House

WRITTEN = """
    select coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) from pg_stat_user_tables
    where relname in ('invoices', 'invoice_lines', 'run_entries', 'run_flags', 'run_parkings', 'effects', 'parties',
        'credit_applications', 'number_series', 'prices', 'contract_terms')
"""


def test_a_month_is_billed_from_roll_ups_to_numbered_documents(house: House) -> None:
    house.tenant("acme")
    house.used("acme", 1_000)
    house.used("acme", "250.5", day="2026-10-31")
    house.used("acme", 12, "storage")
    house.used("acme", 99_999, day="2026-11-01")

    run = house.open()
    rated = house.rate(run)
    finalised = house.finalise(run)

    assert rated.outcomes == finalised.outcomes == {Outcome.RATED: 1}
    assert house.lines("acme") == [
        ("fee", "Platform fee", Decimal(1), 100_00),
        ("usage", "API calls", Decimal("1250.5"), 625),
        ("usage", "Storage in GB", Decimal(12), 40),
        ("tax", "VAT", Decimal(1), 2026),
    ]
    (document,) = house.rows("select * from invoices")
    assert document["number"] == "INV-2026-000001"
    assert (document["status"], document["total_minor"]) == ("open", 100_00 + 625 + 40 + 2026)
    assert (str(document["service_start"]), str(document["service_end"])) == ("2026-10-01", "2026-11-01")
    assert (document["run_id"], document["issued_at"]) == (run.run_id, NOW)


def test_a_draft_has_no_number_and_nothing_leaves_before_it_is_issued(house: House) -> None:
    house.tenant("acme")

    run = house.open()
    house.rate(run)

    assert house.rows("select number, status from invoices") == [{"number": None, "status": "draft"}]
    assert house.rows("select * from effects") == []


def test_each_document_has_one_effect_with_the_hash_of_what_is_to_be_pushed(house: House) -> None:
    house.tenant("acme")

    house.billed()

    (effect,) = house.rows("select * from effects")
    assert effect["op_key"] == "month-end/2026-10/invoice/acme"
    assert (effect["kind"], effect["case_id"], effect["state"]) == ("invoice", "month-end/2026-10", "intended")
    assert effect["request"] == {
        "invoice_id": "inv-2026-10-acme",
        "total_minor": 119_00,
        "due_minor": 119_00,
        "currency": "USD",
    }
    assert effect["request_sha256"] == sha256_of(effect["request"])


def test_documents_keep_the_names_and_addresses_of_their_day(house: House) -> None:
    house.tenant("acme", address="Old Street 1")
    house.billed()
    house.run("update tenants set address = 'New Street 2'")

    house.billed("november", period="2026-11")

    asked = (
        "select period, party ->> 'address' as address from invoices join parties on billed_to = party_id order by 1"
    )
    assert house.rows(asked) == [
        {"period": "2026-10", "address": "Old Street 1"},
        {"period": "2026-11", "address": "New Street 2"},
    ]
    assert house.column("select count(*) from parties") == [3]
    assert house.column("select distinct party ->> 'name' from invoices join parties on billed_by = party_id") == [
        "Main Ltd"
    ]


def test_who_moves_between_rating_and_issuing_is_billed_where_they_live_now(house: House) -> None:
    for tenant_id in ("moving", "staying"):
        house.tenant(tenant_id, address="Old Street 1")
    house.billed()
    run = house.open("november", period="2026-11")
    house.rate(run)
    house.run("update tenants set address = 'New Street 2' where tenant_id = 'moving'")
    house.run("update legal_entities set address = 'Harbour 3'")

    house.finalise(run)

    asked = """
        select invoice.tenant_id, buyer.party ->> 'address' as buyer, seller.party ->> 'address' as seller
        from invoices as invoice
        join parties as buyer on buyer.party_id = billed_to join parties as seller on seller.party_id = billed_by
        where period = '2026-11' order by 1
    """
    assert house.rows(asked) == [
        {"tenant_id": "moving", "buyer": "New Street 2", "seller": "Harbour 3"},
        {"tenant_id": "staying", "buyer": "Old Street 1", "seller": "Harbour 3"},
    ]


def test_a_bill_of_nothing_is_issued_as_paid_and_pushed_all_the_same(house: House) -> None:
    free = MeterPrice(meter="api_calls", included=Decimal(1_000), tiers=(PriceTier(unit_amount=Decimal(1)),))
    house.tenant("acme", Terms(currency="USD", prices=(free,)))
    house.used("acme", 1_000)

    house.billed()

    assert house.rows("select status, total_minor from invoices") == [{"status": "paid", "total_minor": 0}]
    assert house.column("select request ->> 'due_minor' from effects") == ["0"]


def test_each_legal_entity_counts_its_own_numbers_in_the_year_of_issue(house: House) -> None:
    house.entity("asia", "AS")
    for tenant_id, entity in (("a", "main"), ("b", "asia"), ("c", "main"), ("d", "asia")):
        house.tenant(tenant_id, legal_entity_id=entity)

    run = house.open()
    house.rate(run)
    house.finalise(run, Shard(first="a", last="b"))
    house.finalise(run, Shard(first="c", last="d"), now=datetime(2027, 1, 1, tzinfo=UTC))

    found = house.rows("select tenant_id, number from invoices order by tenant_id")
    assert [row["number"] for row in found] == [
        "INV-2026-000001",
        "AS-2026-000001",
        "INV-2027-000001",
        "AS-2027-000001",
    ]


def test_credits_for_the_next_invoice_are_used_oldest_first_up_to_its_total(house: House) -> None:
    house.tenant("acme")
    house.credit("acme", 100_00, "T-1")
    house.credit("acme", 50_00, "T-2")
    house.credit("acme", 7_00, "T-3", destination="credit_note")

    house.billed()
    house.billed("november", period="2026-11")

    asked = "select credit_id, invoice_id, amount_minor from credit_applications order by invoice_id, credit_id"
    assert [tuple(row.values()) for row in house.rows(asked)] == [
        ("CR-T-1", "inv-2026-10-acme", 100_00),
        ("CR-T-2", "inv-2026-10-acme", 19_00),
        ("CR-T-2", "inv-2026-11-acme", 31_00),
    ]
    documents = house.rows("select status, total_minor, applied_credit_minor from invoices where run_id is not null")
    assert sorted(tuple(row.values()) for row in documents) == [("open", 119_00, 31_00), ("paid", 119_00, 119_00)]
    assert sorted(house.column("select request ->> 'due_minor' from effects where kind = 'invoice'")) == ["0", "8800"]


def test_a_finished_month_is_not_billed_again_and_not_a_row_is_written(
    house: House, engine: Engine, database_url: str
) -> None:
    for n in range(30):
        house.used(house.tenant(f"tenant-{n:02}"), 100 + n)
    house.billed()
    again = house.open("second")
    before = _written(engine, database_url)

    rated, finalised = house.rate(again), house.finalise(again)

    assert _written(engine, database_url) == before
    assert rated.outcomes == finalised.outcomes == {}
    assert house.runs.check(again.run_id).outcomes == {Outcome.ALREADY_INVOICED: 30}


def test_a_shard_that_is_done_again_answers_the_same_and_writes_nothing(
    house: House, engine: Engine, database_url: str
) -> None:
    house.tenant("acme")
    house.tenant("bolt", address=None)
    run = house.open()
    first = (house.rate(run).outcomes, house.finalise(run).outcomes)
    before = _written(engine, database_url)

    second = (house.rate(run), house.finalise(run))

    assert (second[0].outcomes, second[1].outcomes) == first
    assert second[0].lines == 0
    assert _written(engine, database_url) == before


def test_percentages_come_first_and_fixed_credits_after_them(house: House) -> None:
    """Discount order: $1,000.00 less 10 % less $50.00 is $850 (B3)."""
    terms = Terms(
        currency="USD",
        fees=(RecurringFee(name="Plan", amount_minor=1_000_00),),
        discounts=(PercentDiscount(name="Partner", percent=Decimal(10)),),
        fixed_discounts=(FixedDiscount(name="Goodwill", amount_minor=50_00),),
    )
    house.tenant("acme", terms)

    house.billed()

    assert house.totals() == {"acme": 850_00}


def test_exactly_the_allowance_is_free_and_the_next_byte_is_not(house: House) -> None:
    """No overage at exactly 1 TB (B5)."""
    egress = MeterPrice(meter="storage", included=Decimal(1_000), tiers=(PriceTier(unit_amount=Decimal(9)),))
    for tenant_id, used in (("at-one", "1000"), ("beyond", "1000.5")):
        house.tenant(tenant_id, Terms(currency="USD", prices=(egress,)))
        house.used(tenant_id, used, "storage")

    house.billed()

    assert house.totals() == {"at-one": 0, "beyond": 5}


@pytest.mark.parametrize(("currency", "total"), [("USD", 125), ("EUR", 125), ("JPY", 125), ("KWD", 125)])
def test_every_currency_is_billed_in_its_own_minor_units(house: House, currency: str, total: int) -> None:
    house.tenant("acme", Terms(currency=currency, prices=(API_CALLS,)), currency=currency)
    house.used("acme", 250)

    house.billed()

    assert house.rows("select currency, total_minor from invoices") == [{"currency": currency, "total_minor": total}]


def test_a_tenant_whose_usage_outgrows_sixty_four_bits_is_billed_to_the_unit(house: House) -> None:
    bytes_price = MeterPrice(meter="storage", tiers=(PriceTier(unit_amount=Decimal("0.00000001")),))
    house.tenant("acme", Terms(currency="USD", prices=(bytes_price,)))
    house.used("acme", 10**16, "storage")

    house.billed()

    assert house.lines("acme") == [("usage", "Storage in GB", Decimal(10**16), 10**8)]


def _written(engine: Engine, url: str) -> Any:
    """Rows ever written to the books; sessions tell what they wrote at the latest when they end."""
    engine.dispose()
    with psycopg.connect(url, autocommit=True) as session:
        found = session.execute(WRITTEN).fetchone()
        return found and found[0]
