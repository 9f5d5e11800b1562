"""Opening and steering disputes from a terminal."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import pytest

from tests.starters.cli.conftest import Terminal
from tests.starters.desk import plain_ticket

ASKED = {
    "--tenant": "acme",
    "--period": "2026-10",
    "--meter": "api_calls",
    "--category": "usage_calculation",
    "--claimed": "262.00",
    "--billed": "310.00",
}


def options(ticket_id: str, **changes: str | None) -> list[str]:
    """The words of `dispute open`; None leaves an option out."""
    wanted = {"--ticket": ticket_id} | ASKED | {f"--{name}": value for name, value in changes.items()}
    return ["dispute", "open", *(word for name, value in wanted.items() if value is not None for word in (name, value))]


def a_ticket_id() -> str:
    return f"T-{uuid4().hex[:12]}"


async def opened(terminal: Terminal) -> str:
    ticket_id = a_ticket_id()
    assert (await terminal.types(*options(ticket_id))).exit_code == 0
    return ticket_id


async def test_a_dispute_is_opened_with_what_the_books_know_filled_in(terminal: Terminal) -> None:
    ticket_id = a_ticket_id()

    first = await terminal.types(*options(ticket_id))
    second = await terminal.types(*options(ticket_id))

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert f"dispute/{ticket_id} is open" in first.stdout
    assert "the same ticket, the same case" in second.stdout
    assert (await terminal.desk.story(ticket_id)).disputed.currency == "USD"


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("piped", [False, True])
async def test_a_ticket_is_read_from_a_file_or_a_pipe(
    terminal: Terminal, tmp_path: Path, wrapped: bool, piped: bool
) -> None:
    ticket = plain_ticket()
    text = json.dumps({"event": "created", "ticket": ticket} if wrapped else ticket)
    file = tmp_path / "ticket.json"
    file.write_text(text)

    opened = await terminal.types(
        "dispute", "open", "--json", "--from-file", "-" if piped else str(file), given=text if piped else None
    )

    assert opened.exit_code == 0
    assert json.loads(opened.stdout) == {"case_id": f"dispute/{ticket['ticket_id']}", "created": True}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"claimed": "-3"}, "--claimed -3: "),
        ({"claimed": "a lot"}, "--claimed a lot: "),
        ({"claimed": "NaN"}, "--claimed NaN: "),
        ({"claimed": "310.01"}, "--claimed: USD 310.01 is more than the USD 310.00 that was billed"),
        ({"billed": "1.001"}, "decimal places that USD knows"),
        ({"currency": "EUR"}, "--currency: EUR is not what acme is billed in"),
        ({"currency": "XXX"}, "--currency XXX: "),
        ({"claimed": "4111 1111 1111 1111 dollars"}, "--claimed [card number removed] dollars: "),
        ({"tenant": "nobody"}, "--tenant nobody: no such customer"),
        ({"meter": "API calls"}, "--meter API calls: write the meter's name as it stands on the invoice"),
        ({"meter": "lunches"}, "--meter: lunches is not a meter we bill"),
        ({"period": "October"}, "--period October: "),
        ({"period": "2026-09"}, "--period: acme has no issued invoice for 2026-09"),
        ({"period": "2031-01"}, "--period: 2031-01 is not over"),
        ({"email": "not an address"}, "--email not an address: "),
        ({"name": "A\nBcc: b@c.example"}, "--name A Bcc: b@c.example: "),
        ({"category": "rudeness"}, "--category"),
        ({"billed": None}, "--billed: needed to open a dispute"),
    ],
)
async def test_a_mistake_names_the_option_its_value_and_what_to_do(
    terminal: Terminal, changes: dict[str, str | None], told: str
) -> None:
    mistake = await terminal.types(*options(a_ticket_id(), **changes))

    assert mistake.exit_code == 2
    assert told in mistake.stderr
    assert "Traceback" not in mistake.output


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "this is not JSON"),
        ("[]", "input"),
        ('"ticket"', "input"),
        ("{}", "ticket_id: it is missing"),
        (json.dumps(plain_ticket(claimed_amount="-1")), "claimed_amount -1: "),
        (json.dumps(plain_ticket(surprise=1)), "surprise 1: there is no such field"),
        (json.dumps(plain_ticket(category="mood")), "category mood: choose 'usage_calculation'"),
        (json.dumps(plain_ticket(meters=["API calls"])), "meters.0 API calls: write the meter's name"),
        (json.dumps(plain_ticket(claimed_amount="310.01")), "error: claimed_amount: USD 310.01 is more than"),
        (json.dumps(plain_ticket(description="\ud800")), "description ?: write it as text, in UTF-8"),
        ("x" * 1_000_001, "larger than 1,000,000 bytes"),
        ("[" * 400_000, "nested too deep"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "nested too deep"),
        ('{"claimed_amount": ' + "9" * 5_000 + "}", "this is not JSON"),
    ],
)
async def test_a_file_that_is_no_ticket_is_told_field_by_field(terminal: Terminal, text: str, told: str) -> None:
    mistake = await terminal.types("dispute", "open", "--from-file", "-", given=text)

    assert mistake.exit_code == 2
    assert told in mistake.stderr


async def test_a_file_that_is_not_utf_8_is_no_stack_trace_and_a_mark_at_its_beginning_does_no_harm(
    terminal: Terminal, tmp_path: Path
) -> None:
    latin, marked = tmp_path / "latin.json", tmp_path / "marked.json"
    latin.write_bytes(json.dumps(plain_ticket(tenant_id="müller"), ensure_ascii=False).encode("latin-1"))
    marked.write_text(json.dumps(plain_ticket()), encoding="utf-8-sig")

    garbled = await terminal.types("dispute", "open", "--from-file", str(latin))
    read = await terminal.types("dispute", "open", "--from-file", str(marked))

    assert (garbled.exit_code, read.exit_code) == (2, 0)
    assert "tenant_id m\ufffdller: write the customer's id" in garbled.stderr


async def test_a_file_holds_the_whole_ticket_and_has_to_be_there(terminal: Terminal) -> None:
    both = await terminal.types("dispute", "open", "--from-file", "ticket.json", "--tenant", "acme")
    missing = await terminal.types("dispute", "open", "--from-file", "/nowhere/ticket.json")

    assert (both.exit_code, missing.exit_code) == (2, 2)
    assert "leave out --tenant" in both.stderr
    assert "/nowhere/ticket.json: No such file" in missing.stderr


async def test_a_case_is_steered_by_who_says_who_they_are(terminal: Terminal) -> None:
    ticket_id = await opened(terminal)
    token = terminal.desk.tokens["lead-1"]

    steps = [
        await terminal.types("dispute", "ask-customer", ticket_id, "--text", "Which key?", "--as", "agent-1"),
        await terminal.types("dispute", "reply", ticket_id, "--text", "Ours: 4111111111111111", "--reply-id", "r-1"),
        await terminal.types("dispute", "reply", ticket_id, "--text", "Ours: 4111111111111111", "--reply-id", "r-1"),
        await terminal.types(
            *("dispute", "judge", f"dispute/{ticket_id}", "--resolution", "partial"),
            *("--amount", "12.30", "--reason", "half of it", "--token", token),
        ),
        await terminal.types("dispute", "try-again", ticket_id, "--reason", "repaired", "--as", "engineering-1"),
        await terminal.types("dispute", "withdraw", ticket_id, "--reason", "found it", "--as", "agent-1"),
    ]

    assert [step.exit_code for step in steps] == [0] * 6
    assert (await terminal.desk.timeline(ticket_id))[1:] == [
        "agent-1 asked: Which key?",
        "reply: Ours: [card number removed]",
        "lead-1 judged partial with USD 12.30",
        "engineering-1 repaired: repaired",
        "withdrawn by agent-1: found it",
    ]


async def test_nobody_steers_a_case_without_saying_who_they_are(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = ("dispute", "ask-customer", "T-1", "--text", "Which key?")

    anonymous = await terminal.types(*ask)
    unknown = await terminal.types(*ask, "--as", "boss-1")
    forged = await terminal.types(*ask, "--token", "lead-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
    garbled = await terminal.types(*ask, "--token", "hush")
    not_theirs = await terminal.types("dispute", "de-escalate", "T-1", "--reason", "calm down", "--as", "agent-1")
    monkeypatch.setenv("RUNBOOKS_OPERATOR_TOKEN", terminal.desk.tokens["lead-1"])
    recognised = await terminal.types("dispute", "de-escalate", "T-none", "--reason", "calm down")

    assert [one.exit_code for one in (anonymous, unknown, forged, garbled)] == [2] * 4
    assert "say who you are: --token TOKEN" in anonymous.stderr
    assert "has no such operator; it has" in unknown.stderr
    assert "AAAA" not in forged.stderr
    assert "hush" not in garbled.stderr
    assert (not_theirs.exit_code, "may not take an escalation back" in not_theirs.stderr) == (1, True)
    assert "is no open case" in recognised.stderr


async def test_what_a_case_refuses_is_told_in_its_words(terminal: Terminal) -> None:
    ticket_id = await opened(terminal)
    judged = ("dispute", "judge", ticket_id, "--resolution", "partial", "--as", "lead-1")

    invalid = await terminal.types(*judged, "--amount", "9", "--reason", "later")
    finer = await terminal.types(*judged, "--amount", "9.001", "--reason", "because")
    short = await terminal.types(*judged, "--amount", "9", "--reason", "x")
    conflict = await terminal.types("dispute", "de-escalate", ticket_id, "--reason", "calm down", "--as", "lead-1")
    still_open = await terminal.types("dispute", "reopen", "T-none", "--reason", "new logs", "--as", "lead-1")
    repaired = [
        await terminal.types("dispute", "try-again", ticket_id, "--reason", "repaired", "--as", "lead-1")
        for _ in range(2)
    ]

    assert [one.exit_code for one in (invalid, finer, short, conflict, still_open, *repaired)] == [2, 2, 2, 1, 2, 0, 1]
    assert "nothing was handed over" in repaired[1].stderr
    assert "amount is more than the invoice" in invalid.stderr
    assert "--amount 9.001: " in finer.stderr
    assert "--reason x: write 3 characters or more" in short.stderr
    assert "the case is not escalated" in conflict.stderr
    assert "there is no case dispute/T-none" in still_open.stderr


async def test_a_reply_without_words_does_not_start_the_clocks(terminal: Terminal) -> None:
    ticket_id = await opened(terminal)

    empty = await terminal.types("dispute", "reply", ticket_id, "--text", "  ")
    asked = await terminal.types("dispute", "ask-customer", ticket_id, "--text", "    ", "--as", "agent-1")

    assert (empty.exit_code, asked.exit_code) == (2, 2)
    assert "--text: write something: it is empty" in empty.stderr
    assert "--text: write 3 characters or more" in asked.stderr
    assert len(await terminal.desk.timeline(ticket_id)) == 1


async def test_an_id_that_holds_a_card_number_is_refused_by_the_option_it_was_typed_in(terminal: Terminal) -> None:
    ticket_id = await opened(terminal)

    named = await terminal.types(*options("4111111111111111"))
    replied = await terminal.types(
        "dispute", "reply", ticket_id, "--text", "Ours.", "--reply-id", "4111-1111-1111-1111"
    )

    assert (named.exit_code, replied.exit_code) == (2, 2)
    assert "--ticket [card number removed]: it holds what looks like a card number" in named.stderr
    assert "--reply-id [card number removed]: it holds what looks like a card number" in replied.stderr
    assert len(await terminal.desk.timeline(ticket_id)) == 1


async def test_a_wrong_choice_is_told_without_the_jargon_of_a_library(terminal: Terminal) -> None:
    chosen = await terminal.types("dispute", "judge", "T-1", "--resolution", "maybe", "--reason", "because")
    written = await terminal.types(*options("T 2", email="nope"))

    assert "'maybe' is not one of 'customer_correct'" in chosen.stderr
    assert "Value error" not in chosen.stderr
    assert "--ticket T 2: write letters, digits" in written.stderr
    assert "--email nope: write one address" in written.stderr
