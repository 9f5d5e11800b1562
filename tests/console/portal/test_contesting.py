"""Contesting a bill: what the form takes, what it refuses and how, and that one form is one case."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from adapters.postgres.books import Books
from adapters.postgres.engine import open_engine
from billing.cases import Opening
from billing.disputes import Category, Ticket
from console.portal.forms import is_of_this_tenant, reference_of
from starters.connect import connect
from tests.console.portal.customer import SEAL, Customer, Page, reference_in, visiting
from tests.starters.desk import NOBODY_LISTENS, CaseDesk

CARD = "4111 1111 1111 1111"
SCRIPT = "<script>alert(1)</script>"
CONTEST = "/contest?month=2026-10"


async def opened_ticket(customer: Customer, reference: str) -> Ticket:
    """The ticket that started the case, as Temporal keeps it."""
    handle = customer.desk.client.get_workflow_handle(f"dispute/{reference}")
    async for event in handle.fetch_history_events():
        payloads = event.workflow_execution_started_event_attributes.input.payloads
        [opening] = await customer.desk.client.data_converter.decode(payloads, [Opening])
        return Ticket.model_validate(opening.ticket)
    raise AssertionError("the case has no history")


async def test_the_form_comes_with_the_month_and_the_meter_filled_in(customer: Customer) -> None:
    page = await customer.looks(f"{CONTEST}&meter=api_calls")

    ticked = [known["value"] for tag, known in page.elements if tag == "input" and "checked" in known]
    assert (page.status, ticked) == (200, ["api_calls"])
    assert "Invoice INV-2026-10-meridian, October 2026" in page.words
    assert "310,00 €" in page.words
    assert page.fields["email"] == "billing@meridian.example"


async def test_a_filled_form_becomes_a_case_that_says_what_was_written(customer: Customer) -> None:
    links = "https://logs.meridian.example/october.csv\r\n\r\n  https://logs.meridian.example/  "

    sent = await customer.contests(
        amount="262,00", evidence=links, description="Line one.\r\nLine two.", security="yes"
    )

    reference = reference_in(sent)
    ticket = await opened_ticket(customer, reference)
    assert sent.status_code == 303
    assert (ticket.ticket_id, ticket.tenant_id, ticket.period, ticket.meters) == (
        reference, "meridian", "2026-10", ("api_calls",),
    )  # fmt: skip
    assert (str(ticket.billed), str(ticket.claimed), str(ticket.disputed)) == ("EUR 310.00", "EUR 262.00", "EUR 48.00")
    assert ticket.description == "Line one.\nLine two."
    assert [(one.name, one.link) for one in ticket.evidence] == [
        ("october.csv", "https://logs.meridian.example/october.csv"),
        ("logs.meridian.example", "https://logs.meridian.example/"),
    ]
    assert ticket.category is Category.USAGE_CALCULATION
    assert ticket.security_concern
    assert (ticket.requester.name, ticket.requester.email) == ("Accounts", "accounts@meridian.example")


async def test_the_page_behind_it_shows_the_reference_and_what_happens_next(customer: Customer) -> None:
    sent = await customer.contests()

    page = await customer.looks(sent.headers["Location"])

    assert page.status == 200
    assert "Thank you. We have your dispute" in page.words
    assert reference_in(sent) in page.words
    assert "You contest 48,00 €, usage counted" in page.words


async def test_what_was_billed_is_read_from_the_invoice_and_not_from_the_form(customer: Customer) -> None:
    sent = await customer.contests(billed_amount="9999", billed="9999", currency="JPY", tenant_id="rival")

    ticket = await opened_ticket(customer, reference_in(sent))
    assert (str(ticket.billed), ticket.tenant_id) == ("EUR 310.00", "meridian")


FLAWS: dict[str, tuple[dict[str, Any], str, str]] = {
    "no amount": ({"amount": ""}, "amount", "Write the amount you think is right, such as 1.234,50."),
    "words for an amount": ({"amount": "zero"}, "amount", "Write an amount such as 1.234,50."),
    "an exponent": ({"amount": "1e2"}, "amount", "Write an amount such as 1.234,50."),
    "a negative amount": ({"amount": "-5"}, "amount", "Write an amount such as 1.234,50."),
    "not a number at all": ({"amount": "NaN"}, "amount", "Write an amount such as 1.234,50."),
    "an ambiguous amount": ({"amount": "1,234,5"}, "amount", "Write an amount such as 1.234,50."),
    "too many decimals": ({"amount": "1,234"}, "amount", "more than the 2 decimal places"),
    "as much as was billed": ({"amount": "310,00"}, "amount", "You were billed 310,00 € for this"),
    "more than was billed": ({"amount": "310,01"}, "amount", "You were billed 310,00 € for this"),
    "an amount beyond all books": ({"amount": "9" * 30}, "amount", "larger than any amount"),
    "no meter": ({"meters": []}, "meters", "Tick at least one."),
    "a meter of another bill": ({"meters": ["gpu_seconds"]}, "meters", "gpu_seconds is not on this invoice"),
    "a meter that is none": ({"meters": [SCRIPT]}, "meters", "is not on this invoice"),
    "no category": ({"category": ""}, "category", "Choose what is wrong."),
    "a category of one's own": ({"category": SCRIPT}, "category", "Choose what is wrong."),
    "no description": ({"description": " \n "}, "description", "Tell us in a sentence or two what is wrong."),
    "a very long description": ({"description": "x" * 20_001}, "description", "Keep it below 20,000 characters"),
    "a link that runs": ({"evidence": "javascript:alert(1)"}, "evidence", "starting with https://"),
    "many links": ({"evidence": "https://a.example\n" * 51}, "evidence", "Send at most 50 links"),
    "a card number in a link": ({"evidence": f"https://a.example/{CARD.replace(' ', '')}"}, "evidence", "card number"),
    "one that is encoded": (
        {"evidence": f"https://a.example/?n={CARD.replace(' ', '%20')}"},
        "evidence",
        "card number",
    ),
    "a very long name": ({"name": "x" * 301}, "name", "at most 300 characters"),
    "no address": ({"email": ""}, "email", "Write an address that we can answer to"),
    "a header in the address": ({"email": "a@b.example\r\nBcc: c@d.example"}, "email", "Write an address"),
}


@pytest.mark.parametrize("case", FLAWS)
async def test_what_cannot_be_accepted_is_said_beside_its_field_and_everything_typed_is_kept(
    customer: Customer, case: str
) -> None:
    changes, field, sentence = FLAWS[case]
    filled = await customer.filled(**{"description": 'Not "ours" <i>', "name": "Ä & Co"} | changes)

    answer = await customer.sends(CONTEST, filled)

    page = Page(answer)
    assert answer.status_code == 422
    assert sentence in page.words
    assert page.flaw(field)
    others = {
        name for name in ("amount", "meters", "category", "description", "evidence", "name", "email") if page.flaw(name)
    }
    assert others == {field}
    kept = {name: filled[name] for name in ("amount", "name", "email") if name not in changes}
    assert {name: page.fields[name] for name in kept} == kept
    assert not {"script", "i"} & page.tags()


@pytest.mark.parametrize(
    ("typed", "claimed"),
    [("262,00", 26200), ("262", 26200), ("262.5", 26250), ("0", 0), (" 262,5 ", 26250), ("0,01", 1)],
)
async def test_amounts_are_read_as_the_customers_region_writes_them(
    customer: Customer, typed: str, claimed: int
) -> None:
    ticket = await opened_ticket(customer, reference_in(await customer.contests(amount=typed)))

    assert ticket.claimed.minor == claimed


async def test_one_form_is_one_case_however_often_it_is_sent(customer: Customer) -> None:
    filled = await customer.filled()

    at_once = await asyncio.gather(*(customer.sends(CONTEST, filled) for _ in range(5)))
    later = await customer.sends(CONTEST, {**filled, "description": "Changed my mind."})
    another = await customer.contests()

    references = {reference_in(answer) for answer in (*at_once, later)}
    assert len(references) == 1
    assert reference_in(another) not in references
    assert len(await customer.desk.timeline(references.pop())) == 1


async def test_correcting_a_refused_form_keeps_its_identity(customer: Customer) -> None:
    filled = await customer.filled(amount="nothing")
    refused = Page(await customer.sends(CONTEST, filled))

    first = await customer.sends(CONTEST, filled | {"amount": "262", "token": refused.fields["token"]})
    second = await customer.sends(CONTEST, filled | {"amount": "262"})

    assert reference_in(first) == reference_in(second)


async def test_card_numbers_reach_neither_the_case_nor_a_log(customer: Customer) -> None:
    with capture_logs() as logs:
        sent = await customer.contests(description=f"We paid with {CARD}.", name=f"Card {CARD}")

    ticket = await opened_ticket(customer, reference_in(sent))
    assert "[card number removed]" in ticket.description
    assert CARD not in ticket.model_dump_json()
    assert CARD not in str(logs)
    assert "meridian.example" not in str(logs)


async def test_a_form_counts_only_from_a_page_of_this_very_link(customer: Customer, desk: CaseDesk) -> None:
    filled = await customer.filled(description="Kept.")
    async with visiting(desk, "rival") as rival:
        theirs = (await rival.filled())["token"]
    reply = f"{filled['token'].split('.')[0]}.{SEAL.mac('form', 'reply', customer.token, 'x').hex()}"

    answers = [
        await customer.sends(CONTEST, filled | {"token": token})
        for token in ("", "x", "x.y", theirs, reply, f"AAAAAAAA.{filled['token'].split('.')[1]}")
    ]

    assert [answer.status_code for answer in answers] == [403] * 6
    pages = [Page(answer) for answer in answers]
    assert all("Nothing was sent" in page.words and page.fields["description"] == "Kept." for page in pages)
    again = await customer.sends(CONTEST, filled | {"token": pages[0].fields["token"]})
    assert again.status_code == 303


async def test_two_tenants_with_the_same_nonce_have_two_references(customer: Customer, desk: CaseDesk) -> None:
    class Seen:
        def __init__(self, tenant_id: str) -> None:
            self.tenant_id, self.seal = tenant_id, SEAL

    ours: Any = Seen("meridian")
    theirs: Any = Seen("rival")
    mine = reference_of(ours, "ABCDEFGH")

    assert mine != reference_of(theirs, "ABCDEFGH")
    assert (is_of_this_tenant(ours, mine), is_of_this_tenant(theirs, mine)) == (True, False)
    assert not is_of_this_tenant(ours, "P-ABCDEFGH-ABCDEFGH")


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"a=1", "", 415),
        (b"\xff\xfe=1", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"f%d=1" % n for n in range(200)), "application/x-www-form-urlencoded", 400),
        (b"a=" + b"x" * 300_000, "application/x-www-form-urlencoded", 413),
    ],
)
async def test_what_is_no_form_of_ours_is_answered_in_words(
    customer: Customer, content: bytes, kind: str, status: int
) -> None:
    headers = {"Content-Type": kind} if kind else {}

    answer = await customer.http.post(customer.at(CONTEST), content=content, headers=headers)

    assert answer.status_code == status
    assert "text/html" in answer.headers["Content-Type"]


async def test_while_temporal_is_away_the_form_comes_back_with_everything_in_it(
    customer: Customer, desk: CaseDesk
) -> None:
    away = await connect(desk.settings.model_copy(update={"temporal_address": NOBODY_LISTENS}))
    async with visiting(replace(desk, client=away), "meridian") as stranded:
        stranded.token = customer.token
        filled = await customer.filled(description="Kept.")
        answer = await stranded.sends(CONTEST, filled)
        page = Page(answer)
    later = await customer.sends(CONTEST, filled | {"token": page.fields["token"]})

    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    assert "Nothing is lost" in page.words
    assert page.fields["description"] == "Kept."
    assert later.status_code == 303


async def test_while_the_database_is_away_every_page_says_so(desk: CaseDesk) -> None:
    nowhere = Books.over(open_engine(f"postgresql://nobody@{NOBODY_LISTENS}/x"))
    async with visiting(replace(desk, books=nowhere), "meridian") as stranded:
        answers = [await stranded.http.get(stranded.at(path)) for path in ("", CONTEST, "/disputes/T-1")]

    assert [answer.status_code for answer in answers] == [503] * 3
    assert all("We cannot look this up right now" in answer.text for answer in answers)
