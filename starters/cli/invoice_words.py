"""How a document and its explanation look in a terminal, and in a pipe."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from adapters.postgres.invoice_view import ExplainedInvoice, ShownCreditNote, ShownInvoice
from adapters.postgres.usage_view import UsageEvent
from billing.explanations import ExplainedLine
from billing.invoices import Invoice
from billing.money import Money
from billing.wording import days, percent, written
from starters.cli.terminal import clean, is_for_a_person, say, show_fields, show_heading, show_table, when


def show_invoice(shown: ShownInvoice) -> None:
    """Head, lines, and every document and credit it is linked with."""
    now, links = datetime.now(UTC), shown.links
    show_fields(
        [
            ("number", shown.number),
            ("kind", shown.kind.replace("_", " ")),
            ("id", shown.invoice_id),
            ("tenant", shown.tenant_id),
            ("period", shown.period),
            *([("service days", _service_days(shown))] if shown.service_start else []),
            ("status", shown.status),
            *([("void because", shown.void_reason)] if shown.void_reason else []),
            ("issued", when(shown.issued_at, now)),
            ("total", shown.total),
            *([("credits applied", _money(shown, -shown.applied_credit_minor))] if shown.applied_credit_minor else []),
            ("due", shown.due),
            *([("corrects", links.corrects)] if links.corrects else []),
            *([("by credit note", links.credit_note)] if links.credit_note else []),
            *([("corrected by", links.corrected_by)] if links.corrected_by else []),
            *([("remark", shown.remark)] if shown.remark else []),
            ("at the provider", shown.provider_invoice_id),
            *([("run", shown.run_id)] if shown.run_id else []),
            ("PDF SHA-256", shown.pdf_sha256 or "not printed yet"),
        ]
    )
    show_heading("lines")
    rows = [
        (
            line.number,
            line.kind.replace("_", " "),
            written(line.quantity) if line.meter else percent(line.rate) if line.rate is not None else None,
            _money(shown, line.amount_minor),
            line.description,
        )
        for line in shown.lines
    ]
    show_table(("LINE", "KIND", "QUANTITY", "AMOUNT", "DESCRIPTION"), rows, nothing="It has no lines.")
    if links.credit_notes:
        show_heading("credit notes on it")
        notes = [
            (one.number, _money(shown, -one.amount_minor), one.restated_by, when(one.issued_at, now))
            for one in links.credit_notes
        ]
        show_table(("NUMBER", "AMOUNT", "RESTATED BY", "ISSUED"), notes, nothing="")
    if links.credits_applied:
        show_heading("credits applied to it")
        credits = [
            (one.credit_id, _money(shown, -one.amount_minor), one.reference_id, one.reason)
            for one in links.credits_applied
        ]
        show_table(("CREDIT", "AMOUNT", "FROM", "REASON"), credits, nothing="")


def show_credit_note(shown: ShownCreditNote) -> None:
    """What it takes off, of which document, and which one restates it."""
    show_fields(
        [
            ("number", shown.number),
            ("kind", shown.kind.replace("_", " ")),
            ("tenant", shown.tenant_id),
            ("period", shown.period),
            ("issued", when(shown.issued_at, datetime.now(UTC))),
            ("amount", -shown.amount),
            ("corrects", shown.corrects),
            ("restated by", shown.restated_by),
            ("reason", shown.reason),
            ("at the provider", shown.provider_id),
            ("PDF SHA-256", shown.pdf_sha256 or "not printed yet"),
        ]
    )


def show_explanation(told: ExplainedInvoice) -> None:
    """Line by line: the amount, the sentences, the days that were added up, the first events; at last the sums."""
    events = {one.line: one for one in told.events}
    for line in told.lines:
        _show_line(line)
        if line.number in events:
            _show_events(events[line.number].events, more=events[line.number].more)
    show_heading("total")
    for sentence in told.sums:
        say(sentence)


def _show_line(line: ExplainedLine) -> None:
    head = f"{line.number}. {clean(line.description)}: {line.amount}"
    show_heading(head)
    if not is_for_a_person():
        say(head)
    for sentence in line.sentences:
        say(clean(sentence))
    if line.usage:
        rows = [(f"{one.day:%Y-%m-%d}", written(one.quantity), f"{one.events:,}") for one in line.usage]
        show_table(("DAY", "QUANTITY", "EVENTS"), rows, nothing="")


def _show_events(events: Sequence[UsageEvent], *, more: bool) -> None:
    rows = [
        (one.event_time.astimezone(UTC).isoformat(), written(one.quantity), one.route, one.model, one.event_id)
        for one in events
    ]
    show_table(("EVENT AT", "QUANTITY", "ROUTE", "MODEL", "EVENT"), rows, nothing="")
    if more:
        say("and more: --rows shows as many as you ask for")


def _service_days(shown: Invoice) -> str | None:
    if shown.service_start is None or shown.service_end is None:
        return None
    return days(shown.service_start, shown.service_end - timedelta(days=1))


def _money(shown: Invoice, minor: int) -> Money:
    return Money(minor=minor, currency=shown.currency)
