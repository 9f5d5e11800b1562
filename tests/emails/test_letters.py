"""Every letter as its reader sees it: approved word for word, in three locales, in text and HTML."""

from __future__ import annotations

import html
import re
import shlex
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
import typer
from typer import Context
from typer.core import TyperGroup

import emails
from adapters.mail.render import TEXT_WIDTH, RenderedLetter, render
from adapters.mail.wording import Plain, plain_words
from billing.cases import Stage
from billing.emails import DisputeUpdate, Payload, Recipient
from starters.cli import app
from tests.emails.approve import APPROVED, letters_as_files
from tests.emails.samples import CURRENCY, READERS, letter, payloads
from tests.fakes.postman import HOUSE

TEMPLATES = {payload.model_fields["template"].default for payload in get_args(get_args(Payload)[0])}
TO_CUSTOMERS = {
    "dispute_acknowledged", "dispute_update", "customer_asked", "dispute_resolved", "dispute_closed", "invoice_issued",
    "invoice_corrected", "invoice_voided", "payment_failed", "payment_reminder", "final_warning", "service_limited",
    "service_blocked", "service_suspended", "service_restored", "service_eased", "service_still_limited", "promise_noted",
    "deletion_notice", "overage_alert", "usage_spike",
}  # fmt: skip
SAMPLES = [(name, locale) for locale in CURRENCY for name in payloads("USD")]
WRITTEN = dict(letters_as_files())


@cache
def written(name: str, locale: str) -> RenderedLetter:
    return render(letter(payloads(CURRENCY[locale])[name], READERS[locale]), HOUSE)


def texts_in(facts: Mapping[str, Plain]) -> Iterator[str]:
    """Every text among the facts, and those in the rows of its lists; a list of sentences may be told in part."""
    for value in facts.values():
        rows = value if isinstance(value, list) else [value]
        for row in rows:
            if isinstance(row, dict):
                yield from texts_in({key: text for key, text in row.items() if key not in SAID_IN_OTHER_WORDS})
        if isinstance(value, str):
            yield value


def words_of(markup: str) -> str:
    """What a reader sees of the HTML: no tags, one space between words."""
    body = re.sub(r"<style>.*?</style>", " ", markup, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


@pytest.mark.parametrize("name", WRITTEN)
def test_a_letter_reads_as_it_was_approved(name: str) -> None:
    approved = APPROVED / name

    now = WRITTEN[name]

    assert now == approved.read_text(encoding="utf-8"), "look at the letter, then run python -m tests.emails.approve"


def test_no_letter_is_approved_that_is_no_longer_written() -> None:
    approved = {file.name for file in APPROVED.iterdir()}

    assert approved == set(WRITTEN)


def test_every_payload_has_its_folder_and_its_sample() -> None:
    folders = {file.parent.name for file in Path(emails.__file__).parent.glob("*/subject.txt")}

    assert folders == TEMPLATES
    assert {name.partition(".")[0] for name in payloads("USD")} == TEMPLATES


@pytest.mark.parametrize(("name", "locale"), SAMPLES)
def test_nothing_is_left_unsaid_or_said_in_code(name: str, locale: str) -> None:
    rendered = written(name, locale)

    for words in (rendered.subject, rendered.text, words_of(rendered.html)):
        assert not re.search(r"\bNone\b|\{\{|\{%|\[\]|Undefined", words)


@pytest.mark.parametrize(("name", "locale"), SAMPLES)
def test_the_text_is_wrapped_and_commands_stay_whole(name: str, locale: str) -> None:
    rendered = written(name, locale)

    for line in rendered.text.splitlines():
        assert len(line) <= TEXT_WIDTH or line.startswith("    runbooks ")


@pytest.mark.parametrize(("name", "locale"), SAMPLES)
def test_text_and_html_tell_the_same_facts(name: str, locale: str) -> None:
    payload = payloads(CURRENCY[locale])[name]
    facts = plain_words(payload, READERS[locale])
    told = list(texts_in({key: value for key, value in facts.items() if key not in SAID_IN_OTHER_WORDS}))

    rendered = written(name, locale)

    in_text = " ".join(re.sub(r"\n> ", "\n", rendered.text).split())
    in_html = words_of(rendered.html)
    for value in told:
        wanted = " ".join(value.split()).casefold()
        assert wanted in in_text.casefold()
        assert wanted in in_html.casefold()


@pytest.mark.parametrize(("name", "locale"), SAMPLES)
def test_html_brings_everything_with_it_and_runs_nothing(name: str, locale: str) -> None:
    rendered = written(name, locale)

    # The one place a letter leads to is the page that the settings name.
    own = rendered.html.replace(f'href="{HOUSE.billing_portal_url}"', "").replace(f">{HOUSE.billing_portal_url}<", "><")
    assert not re.search(r"<(script|img|link|iframe|form|svg)|https?://|url\(|@import|\son\w+=", own)


@pytest.mark.parametrize("name", [name for name in payloads("USD") if name.partition(".")[0] in TO_CUSTOMERS])
def test_customers_never_read_our_own_words(name: str) -> None:
    rendered = written(name, "en-US")

    for words in (rendered.subject, rendered.text, words_of(rendered.html)):
        assert not re.search(r"dispute/|runbook|workflow|tenant|op_key|stage", words, re.IGNORECASE)


# Where a reader looks first, by how the letter's name begins; in all others at the dispute.
LOOK = {
    "approval_requested.correction": "invoice correction show correction/INV-2026-000123/k-1f3a5c7e",
    "handed_over.correction": "invoice correction show correction/INV-2026-000123/k-1f3a5c7e",
    "run_": "month-end show --period 2026-10",
    "reconciliation_differs": "reconciliation show 2026-10/2026-11-21",
    "duplicates_found": "reconciliation show 2026-10/2026-11-21",
    "reconciliation_not_finished": "reconcile --period 2026-10",
    "invoice_written_off": "invoice show MSC-2026-000417",
    "account_manager_task": "delinquency show acme",
    "retention_notice": "retention show 2026-11-23",
    "overage_review": "access show acme",
    "usage_limits_not_checked": "schedules trigger usage-limits",
    "usage_to_look_at.failed": "usage validate",
    "usage_to_look_at": "usage quarantine list",
}


@pytest.mark.parametrize("name", [name for name in payloads("USD") if name.partition(".")[0] not in TO_CUSTOMERS])
def test_operators_are_told_the_command(name: str) -> None:
    rendered = written(name, "en-US")

    look = next((command for begins, command in LOOK.items() if name.startswith(begins)), "case show dispute/T-4711")
    assert f"    runbooks {look}\n" in rendered.text
    assert f"runbooks {look}" in words_of(rendered.html)


@pytest.mark.parametrize("name", [name for name in payloads("USD") if name.partition(".")[0] not in TO_CUSTOMERS])
def test_every_command_told_is_one_the_command_line_knows(name: str) -> None:
    commands = [shlex.split(line)[1:] for line in written(name, "en-US").text.splitlines() if line.startswith("    ")]

    for arguments in commands:
        group, rest = typer.main.get_command(app), arguments
        while isinstance(group, TyperGroup):
            _, command, rest = group.resolve_command(Context(group), rest)
            assert command is not None
            group = command
        group.make_context("runbooks", list(rest))


def test_subjects_are_those_of_the_runbook() -> None:
    resolved = {written(name, "en-US").subject for name in payloads("USD") if name.startswith("dispute_resolved")}

    assert written("dispute_acknowledged", "en-US").subject == "Billing Dispute #T-4711 - Under Investigation"
    assert resolved == {"Billing Dispute #T-4711 - Resolved"}


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("dispute_resolved.credited", "Action Taken: Credit applied"),
        ("dispute_resolved.partial", "Action Taken: Credit applied"),
        ("dispute_resolved.confirmed", "Action Taken: Billing confirmed accurate"),
        ("dispute_resolved.goodwill", "Action Taken: Billing confirmed accurate; goodwill credit applied"),
    ],
)
def test_a_resolution_says_what_was_done(name: str, action: str) -> None:
    lines = written(name, "en-US").text.splitlines()

    assert action in lines
    assert any(line.startswith("Credit Amount:") for line in lines) == ("confirmed" not in name)
    assert any(line.startswith("Investigation Complete:") for line in lines)


def test_amounts_follow_the_readers_locale_and_currency() -> None:
    shown = {locale: written("dispute_resolved.credited", locale).text for locale in CURRENCY}

    assert "Credit Amount: $1,234.50" in shown["en-US"]
    assert "Credit Amount: 1.234,50\N{NO-BREAK SPACE}€" in shown["de-DE"]
    assert "Credit Amount: ￥123,450" in shown["ja-JP"]


def test_times_are_the_readers_and_name_their_zone() -> None:
    shown = {locale: " ".join(written("dispute_update", locale).text.split()) for locale in CURRENCY}

    assert "Friday, November 27, 2026, 11:05 AM Eastern Standard Time" in shown["en-US"]
    assert "Friday, 27 November 2026, 17:05 Central European Standard Time" in shown["de-DE"]
    assert "Saturday, 28 November 2026, 1:05 am Japan Standard Time" in shown["ja-JP"]


@pytest.mark.parametrize(("locale", "zone"), [("tlh-XX", "UTC"), ("", "Mars/Olympus"), ("en-US", "../etc/passwd")])
def test_an_unknown_locale_or_zone_never_holds_a_letter_back(locale: str, zone: str) -> None:
    to = Recipient(email="billing@acme.example", locale=locale, zone=zone)

    rendered = render(letter(payloads("USD")["dispute_update"], to), HOUSE)

    assert "Friday, November 27, 2026, 4:05 PM Coordinated Universal Time" in " ".join(rendered.text.split())


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.CLOSED])
def test_a_customer_reads_no_step_in_our_own_words(stage: Stage) -> None:
    next_step = "a person repairs: invoice in_123 is void"
    update = DisputeUpdate(ticket_id="T-1", invoice_number="INV-1", stage=stage, next_step=next_step, due=None)

    rendered = render(letter(update, READERS["en-US"]), HOUSE)

    assert f"Where we are: {stage.value}" not in rendered.text
    assert "in_123" not in rendered.text + rendered.html


def test_an_unknown_stage_is_told_as_it_is_and_a_missing_time_not_at_all() -> None:
    update = DisputeUpdate(ticket_id="T-1", invoice_number="", stage="counting", next_step="more counting", due=None)

    rendered = render(letter(update, READERS["en-US"]), HOUSE)

    assert "Where we are: counting" in rendered.text
    assert "your bill" in rendered.text
    assert "due" not in rendered.text


# Fields that choose the words instead of being among them, and those of which a variant tells only a part.
SAID_IN_OTHER_WORDS = {
    "template", "resolution", "stage", "role", "requested_by", "category", "severity", "next_step", "step", "then", "share",
    "news",
}  # fmt: skip
