"""Customers and contracts from a terminal: what a person types, reads, and is told to correct."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.adapters.postgres.company import ACME
from tests.starters.cli.conftest import Terminal

TERMS: dict[str, Any] = {
    "currency": "USD",
    "fees": [{"name": "Platform", "amount_minor": 100_00}],
    "prices": [
        {"meter": "api_calls", "tiers": [{"up_to": "1000", "unit_amount": "0.5"}, {"unit_amount": "0.25"}]},
    ],
}


@dataclass(frozen=True)
class Customer:
    """A customer of its own for a test, brought in by command, and the file with the terms that it is to get."""

    tenant_id: str
    terms: Path

    def agrees_on(self, content: dict[str, Any] | bytes) -> None:
        """Write other terms into the file."""
        self.terms.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())


@pytest.fixture
async def customer(terminal: Terminal, tmp_path: Path) -> Customer:
    tenant_id, file = f"c-{uuid4().hex[:12]}", tmp_path / "terms.json"
    new = ACME.model_dump(mode="json") | {"tenant_id": tenant_id, "provider_customer_id": None}
    added = await terminal.types(
        "customer", "add", "-", "--reason", "Signed.", "--as", "finance-1", given=json.dumps(new)
    )
    assert (added.exit_code, added.stdout.split()[0]) == (0, tenant_id)
    made = Customer(tenant_id, file)
    made.agrees_on(TERMS)
    return made


async def test_terms_are_agreed_on_and_shown_as_the_next_ones_may_be_written(
    terminal: Terminal, customer: Customer
) -> None:
    agreed = await terminal.types(
        "contract",
        "agree",
        customer.tenant_id,
        str(customer.terms),
        "--from",
        "2027-03-01",
        "--reason",
        "Renewed.",
        "--as",
        "finance-1",
    )

    assert (agreed.exit_code, agreed.stdout) == (0, f"{customer.tenant_id}-2027-03-01 holds from 2027-03-01\n")
    shown = await terminal.types("contract", "show", customer.tenant_id, "--on", "2027-03-01")
    assert json.loads(shown.stdout)["fees"][0]["amount_minor"] == 100_00
    again = await terminal.types("contract", "check", "-", given=shown.stdout)
    assert (again.exit_code, again.stdout) == (0, "- can be agreed on: USD, 1 meter, 1 fee\n")
    listed = await terminal.types("contract", "list", customer.tenant_id)
    assert listed.stdout.splitlines()[-1].split("\t") == [
        f"{customer.tenant_id}-2027-03-01",
        "2027-03-01",
        "–",
        "1",
        "Platform",
    ]


TIERS = [{"up_to": "1000", "unit_amount": "0.5"}, {"up_to": "1000", "unit_amount": "0.4"}, {"unit_amount": "0.25"}]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"currency": "XYZ"}, "currency XYZ: currency 'XYZ' is not one we bill in: use one of"),
        ({"prices": [{"meter": "api_calls", "tiers": TIERS}]}, "prices.0.tiers: tiers of api_calls: up_to must climb"),
        (
            {"prices": [{"meter": "api_calls", "tiers": TIERS[:1]}]},
            "prices.0.tiers: tiers of api_calls: every tier but the",
        ),
        ({"prices": [{"meter": "api_calls", "tiers": TIERS[1:2] * 2 + TIERS[2:]}]}, "up_to must climb"),
        ({"prices": TERMS["prices"] * 2}, "terms name a meter twice"),
        ({"fees": [{"name": "Platform", "amount_minor": -1}]}, "fees.0.amount_minor -1: write 0 or more"),
        ({"rebate": 1}, "rebate 1: there is no such field: leave it out"),
    ],
)
async def test_terms_that_cannot_be_billed_are_refused_with_the_field(
    terminal: Terminal, customer: Customer, change: dict[str, Any], sentence: str
) -> None:
    customer.agrees_on(TERMS | change)

    refused = await terminal.types(
        "contract",
        "agree",
        customer.tenant_id,
        str(customer.terms),
        "--from",
        "2027-03-01",
        "--reason",
        "x",
        "--as",
        "finance-1",
    )

    assert refused.exit_code == 2
    assert sentence in " ".join(refused.stderr.split())
    assert "2027-03-01" not in (await terminal.types("contract", "list", customer.tenant_id)).stdout


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "this is not JSON"),
        (b"{", "this is not JSON"),
        (b"\xff\xfe{}", "this is not text in UTF-8"),
        (b"[]", "write an object with its fields, in braces"),
    ],
)
async def test_a_file_that_holds_no_terms_is_named(
    terminal: Terminal, customer: Customer, content: bytes, sentence: str
) -> None:
    customer.agrees_on(content)

    refused = await terminal.types("contract", "check", str(customer.terms))

    assert refused.exit_code == 2
    assert sentence in " ".join(refused.stderr.split())


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--from", "2027-02-30"), 2, "'2027-02-30' is no day: write it as yyyy-mm-dd"),
        (("--from", "2027-03-01", "--before", "2027-03-01"), 2, "--before 2027-03-01: write a day after"),
        (
            ("--from", "2027-03-01", "--as", "agent-1"),
            1,
            "may not put contracts on record; it takes one of: finance, vp",
        ),
    ],
)
async def test_who_or_what_cannot_agree_is_said(
    terminal: Terminal, customer: Customer, words: tuple[str, ...], code: int, sentence: str
) -> None:
    by = () if "--as" in words else ("--as", "finance-1")

    refused = await terminal.types(
        "contract", "agree", customer.tenant_id, str(customer.terms), "--reason", "x", *words, *by
    )

    assert refused.exit_code == code
    assert sentence in " ".join(refused.stderr.replace("│", " ").split())


async def test_a_contract_ends_before_the_day_that_was_typed(terminal: Terminal, customer: Customer) -> None:
    agree = (
        "contract",
        "agree",
        customer.tenant_id,
        str(customer.terms),
        "--from",
        "2027-03-01",
        "--reason",
        "Signed.",
    )
    assert (await terminal.types(*agree, "--as", "vp-1")).exit_code == 0

    ended = await terminal.types(
        "contract", "end", customer.tenant_id, "--on", "2027-06-01", "--reason", "Cancelled.", "--as", "vp-1"
    )

    assert (ended.exit_code, ended.stdout.strip().endswith("ends before 2027-06-01")) == (0, True)
    nothing = await terminal.types("contract", "show", customer.tenant_id, "--on", "2027-06-01")
    assert (nothing.exit_code, "has no contract on that day" in nothing.stderr) == (2, True)


async def test_a_customer_is_repaired_and_the_change_is_on_record(terminal: Terminal, customer: Customer) -> None:
    changed = await terminal.types(
        "customer",
        "change",
        customer.tenant_id,
        "--address",
        "Main Street 1",
        "--reason",
        "They moved.",
        "--as",
        "finance-1",
    )

    assert (changed.exit_code, changed.stdout) == (0, f"{customer.tenant_id}: address from nothing to Main Street 1\n")
    shown = await terminal.types("customer", "show", customer.tenant_id)
    assert "address\tMain Street 1" in shown.stdout
    assert "They moved." in shown.stdout


async def test_a_customer_is_brought_in_from_what_another_one_reads_like(
    terminal: Terminal, customer: Customer
) -> None:
    like = json.loads((await terminal.types("customer", "show", customer.tenant_id, "--json")).stdout)["customer"]
    new = json.dumps(like | {"tenant_id": f"{customer.tenant_id}-too"})

    added = await terminal.types("customer", "add", "-", "--reason", "Signed.", "--as", "finance-1", given=new)

    assert added.stdout.startswith(f"{customer.tenant_id}-too is in the books; `runbooks contract agree")
    listed = await terminal.types("customer", "list", "--after", customer.tenant_id, "--limit", "1")
    assert listed.stdout.splitlines()[1].startswith(f"{customer.tenant_id}-too\tAcme\tpro\tUSD")


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("nobody", "--address", "x"), 2, "there is no customer nobody"),
        (("acme",), 2, "reads like that already: nothing to change"),
        (("acme", "--country", "Germany"), 2, "--country Germany: write the country's two capitals, such as DE"),
        (("acme", "--billing-email", "a@b.example\nBcc: c@d.example"), 2, "--billing-email"),
        (("acme", "--payment-method", "4242 4242 4242 4242"), 2, "write the id as the payment provider shows it"),
        (("acme", "--legal-entity", "nobody"), 2, "legal entity nobody is none of ours"),
    ],
)
async def test_a_change_that_cannot_be_made_says_which_value_to_correct(
    terminal: Terminal, words: tuple[str, ...], code: int, sentence: str
) -> None:
    refused = await terminal.types("customer", "change", *words, "--reason", "x", "--as", "finance-1")

    assert refused.exit_code == code
    assert sentence in " ".join(refused.stderr.split())
    assert "4242 4242" not in refused.stderr
