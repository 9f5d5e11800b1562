"""What stands on a page, top to bottom: head, addresses and facts, the lines, the sums, notes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.platypus import Flowable, KeepTogether, Paragraph, Spacer, Table, TableStyle

from adapters.pdf.fonts import knows, set_in_known_glyphs
from adapters.pdf.styles import INK, RULE, WIDTH, styles
from adapters.pdf.wording import Wording
from billing.documents import Party, PrintedDocument, PrintedLine, PrintedSum

_COLUMNS = (WIDTH * 0.52, WIDTH * 0.14, WIDTH * 0.16, WIDTH * 0.18)
_SUMS = (WIDTH * 0.56, WIDTH * 0.24, WIDTH * 0.20)
# A command of reportlab's table style: its name, first and last cell, then what it sets.
_Command = tuple[Any, ...]
_NO_PADDING: list[_Command] = [
    ("LEFTPADDING", (0, 0), (-1, -1), 0),
    ("RIGHTPADDING", (0, 0), (-1, -1), 0),
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
]


def story(document: PrintedDocument, wording: Wording) -> list[Flowable]:
    """The flowables of the document in reading order."""
    return [
        _head(document, wording),
        Spacer(0, 22),
        _addresses_and_facts(document, wording),
        Spacer(0, 22),
        _lines(document.lines, wording),
        Spacer(0, 6),
        _sums(document.sums, wording),
        Spacer(0, 16),
        *(_said(note, styles().quiet) for note in document.notes),
    ]


def _head(document: PrintedDocument, wording: Wording) -> Flowable:
    title = _said(wording.title, styles().title)
    seller = [_said(document.seller.name, styles().bold), *_address(document.seller, wording)]
    return Table([[title, seller]], colWidths=(WIDTH * 0.6, WIDTH * 0.4), style=TableStyle(_NO_PADDING))


def _addresses_and_facts(document: PrintedDocument, wording: Wording) -> Flowable:
    buyer = [
        _said("Billed to", styles().head),
        _said(document.buyer.name, styles().bold),
        *_address(document.buyer, wording),
    ]
    rows = [[_said(label, styles().quiet), _said(value, styles().text)] for label, value in wording.facts()]
    facts = Table(
        rows,
        colWidths=(WIDTH * 0.15, WIDTH * 0.25),
        style=TableStyle([*_NO_PADDING, ("TOPPADDING", (0, 0), (-1, -1), 0), ("BOTTOMPADDING", (0, 0), (-1, -1), 2)]),
    )
    return Table([[buyer, facts]], colWidths=(WIDTH * 0.6, WIDTH * 0.4), style=TableStyle(_NO_PADDING))


def _address(party: Party, wording: Wording) -> Iterator[Flowable]:
    for line in (*party.address.splitlines(), wording.country(party.country)):
        if line:
            yield _said(line, styles().text)
    if party.tax_id:
        yield _said(f"Tax id {party.tax_id}", styles().quiet)


def _lines(lines: Sequence[PrintedLine], wording: Wording) -> Flowable:
    heads = [
        _said("Description", styles().head),
        *(_said(name, styles().head_figure) for name in ("Quantity", "Unit price", "Amount")),
    ]
    rows = [
        [
            _description(line, wording),
            _figure(wording.quantity(line), styles().figure, _COLUMNS[1]),
            _figure(wording.unit_price(line), styles().figure, _COLUMNS[2]),
            _figure(wording.amount(line.amount_minor), styles().figure, _COLUMNS[3]),
        ]
        for line in lines
    ]
    rules: list[_Command] = [
        *_set_in(styles().figure, (1, 1), (-1, -1)),
        ("LINEBELOW", (0, 0), (-1, 0), 0.8, INK),
        ("LINEBELOW", (0, 1), (-1, -1), 0.4, RULE),
        ("TOPPADDING", (0, 0), (-1, -1), 5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 5),
        ("RIGHTPADDING", (0, 0), (0, -1), 10),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (1, 0), (-1, -1), 0),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ]
    return Table([heads, *rows], colWidths=_COLUMNS, repeatRows=1, style=TableStyle(rules))


def _description(line: PrintedLine, wording: Wording) -> list[Flowable]:
    said = [_said(line.description, styles().text)]
    said += [_said(wording.step(step), styles().quiet) for step in line.steps]
    return [*said, _said(line.detail, styles().quiet)] if line.detail else said


def _sums(sums: Sequence[PrintedSum], wording: Wording) -> Flowable:
    rows = []
    rules: list[_Command] = [*_NO_PADDING, ("TOPPADDING", (0, 0), (-1, -1), 3), ("BOTTOMPADDING", (0, 0), (-1, -1), 3)]
    for row, item in enumerate(sums):
        amount = wording.amount(item.amount_minor)
        last = row == len(sums) - 1
        face = styles().due if last else styles().figure_bold if item.strong else styles().figure
        label = styles().figure_bold if item.strong or last else styles().figure
        rows.append(["", _said(item.label, label), _figure(amount, face, _SUMS[2])])
        rules += _set_in(face, (2, row), (2, row))
        if item.strong or last:
            rules.append(("LINEABOVE", (1, row), (-1, row), 0.8 if last else 0.4, INK))
    return KeepTogether([Table(rows, colWidths=_SUMS, style=TableStyle(rules))])


def _figure(text: str, style: ParagraphStyle, room: float) -> str | Flowable:
    """A figure as it is, which a table sets far faster than a paragraph; one that needs other glyphs or more room as one."""
    plain = knows(text, style.fontName) and stringWidth(text, style.fontName, style.fontSize) <= room
    return text if plain else _said(text, style)


def _set_in(style: ParagraphStyle, start: tuple[int, int], end: tuple[int, int]) -> list[_Command]:
    return [
        ("FONT", start, end, style.fontName, style.fontSize, style.leading),
        ("TEXTCOLOR", start, end, style.textColor),
        ("ALIGN", start, end, "RIGHT"),
    ]


def _said(text: str, style: ParagraphStyle) -> Flowable:
    return Paragraph(set_in_known_glyphs(text, style.fontName), style)
