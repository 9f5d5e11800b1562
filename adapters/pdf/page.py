"""What stands on a page, top to bottom: head, addresses and facts, the lines, the sums, notes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from reportlab.lib.styles import ParagraphStyle

from adapters.pdf.sheet import Sheet
from adapters.pdf.styles import INK, RULE, WIDTH, styles
from adapters.pdf.typeset import Typeset, words
from adapters.pdf.wording import Wording
from billing.documents import Party, PrintedDocument, PrintedLine, PrintedSum

# Where the two halves of the head part, and where a fact's value begins.
_RIGHT, _VALUE = WIDTH * 0.6, WIDTH * 0.75
# The columns of the lines: where each begins and how wide it is.
_DESCRIPTION = WIDTH * 0.52 - 10
_FIGURES = ((WIDTH * 0.52, WIDTH * 0.14), (WIDTH * 0.66, WIDTH * 0.16), (WIDTH * 0.82, WIDTH * 0.18))
_LABEL, _AMOUNT = (WIDTH * 0.56, WIDTH * 0.24), (WIDTH * 0.80, WIDTH * 0.20)
# Above and below the words of a row.
_LINE_AIR, _SUM_AIR, _HEAD_AIR, _FACT_AIR = 5.0, 3.0, 3.0, 2.0


class _Row(NamedTuple):
    """One line of the document: its description downwards, and its figures beside the first of it."""

    said: tuple[Typeset, ...]
    figures: tuple[Typeset, ...]

    @property
    def height(self) -> float:
        return max(sum(block.height for block in self.said), *(block.height for block in self.figures))


def laid_out(document: PrintedDocument, wording: Wording) -> Sheet:
    """The document on as many pages as it needs."""
    sheet = Sheet()
    _head(sheet, document, wording)
    sheet.skip(22)
    _addresses_and_facts(sheet, document, wording)
    sheet.skip(22)
    _lines(sheet, document.lines, wording)
    sheet.skip(6)
    _sums(sheet, document.sums, wording)
    sheet.skip(16)
    for note in document.notes:
        said = words(note, styles().quiet, WIDTH)
        if not sheet.fits(said.height):
            sheet.turn()
        sheet.top -= sheet.stack(0, [said])
    return sheet


def _head(sheet: Sheet, document: PrintedDocument, wording: Wording) -> None:
    title = words(wording.title, styles().title, _RIGHT)
    seller = [words(document.seller.name, styles().bold, WIDTH - _RIGHT)]
    seller += _address(document.seller, wording, WIDTH - _RIGHT)
    left = sheet.stack(0, [title], below=_HEAD_AIR)
    right = sheet.stack(_RIGHT, seller, below=_HEAD_AIR)
    sheet.top -= max(left, right) + _HEAD_AIR


def _addresses_and_facts(sheet: Sheet, document: PrintedDocument, wording: Wording) -> None:
    buyer = [words("Billed to", styles().head, _RIGHT), words(document.buyer.name, styles().bold, _RIGHT)]
    buyer += _address(document.buyer, wording, _RIGHT)
    left = sheet.stack(0, buyer, below=_HEAD_AIR)
    right = _HEAD_AIR
    for label, value in wording.facts():
        name = sheet.stack(_RIGHT, [words(label, styles().quiet, _VALUE - _RIGHT)], below=right)
        right = max(name, sheet.stack(_VALUE, [words(value, styles().text, WIDTH - _VALUE)], below=right)) + _FACT_AIR
    sheet.top -= max(left, right) + _HEAD_AIR


def _address(party: Party, wording: Wording, room: float) -> Iterator[Typeset]:
    for line in (*party.address.splitlines(), wording.country(party.country)):
        if line:
            yield words(line, styles().text, room)
    if party.tax_id:
        yield words(f"Tax id {party.tax_id}", styles().quiet, room)


def _lines(sheet: Sheet, lines: Sequence[PrintedLine], wording: Wording) -> None:
    _heads(sheet)
    for line in lines:
        row = _row(line, wording)
        if not sheet.fits(row.height + 2 * _LINE_AIR):
            _go_on(sheet)
        _place(sheet, row)
        sheet.rule(0, WIDTH, 0.4, RULE)


def _heads(sheet: Sheet) -> None:
    """What the columns are called, on every page that has some."""
    sheet.stack(0, [words("Description", styles().head, _DESCRIPTION)], below=_LINE_AIR)
    for name, (x, room) in zip(("Quantity", "Unit price", "Amount"), _FIGURES, strict=True):
        sheet.stack(x, [words(name, styles().head_figure, room)], below=_LINE_AIR)
    sheet.top -= styles().head.leading + 2 * _LINE_AIR
    sheet.rule(0, WIDTH, 0.8, INK)


def _go_on(sheet: Sheet) -> None:
    sheet.turn()
    _heads(sheet)


def _place(sheet: Sheet, row: _Row) -> None:
    """Put a row down; one that is longer than a page goes on over the next."""
    for figure, (x, _) in zip(row.figures, _FIGURES, strict=True):
        sheet.stack(x, [figure], below=_LINE_AIR)
    sheet.top -= _LINE_AIR
    depth = row.height
    for block in row.said:
        if not sheet.fits(block.height + _LINE_AIR):
            _go_on(sheet)
            sheet.top -= _LINE_AIR
        sheet.top -= sheet.stack(0, [block])
        depth -= block.height
    sheet.top -= max(depth, 0) + _LINE_AIR


def _row(line: PrintedLine, wording: Wording) -> _Row:
    text, quiet, figure = styles().text, styles().quiet, styles().figure
    said = [words(line.description, text, _DESCRIPTION)]
    said += [words(wording.step(step), quiet, _DESCRIPTION) for step in line.steps]
    if line.detail:
        said.append(words(line.detail, quiet, _DESCRIPTION))
    told = (wording.quantity(line), wording.unit_price(line), wording.amount(line.amount_minor))
    figures = (words(one, figure, room) for one, (_, room) in zip(told, _FIGURES, strict=True))
    return _Row(tuple(said), tuple(figures))


def _sums(sheet: Sheet, sums: Sequence[PrintedSum], wording: Wording) -> None:
    """All on one page."""
    rows = [_sum(one, wording, last=one is sums[-1]) for one in sums]
    heights = [max(block.height for block in row) + 2 * _SUM_AIR for row in rows]
    if not sheet.fits(sum(heights)):
        sheet.turn()
    for one, row, height in zip(sums, rows, heights, strict=True):
        last = one is sums[-1]
        if one.strong or last:
            sheet.rule(_LABEL[0], WIDTH, 0.8 if last else 0.4, INK)
        for block, (x, _) in zip(row, (_LABEL, _AMOUNT), strict=True):
            sheet.stack(x, [block], below=_SUM_AIR)
        sheet.top -= height


def _sum(one: PrintedSum, wording: Wording, *, last: bool) -> tuple[Typeset, Typeset]:
    known = styles()
    face: ParagraphStyle = known.due if last else known.figure_bold if one.strong else known.figure
    label = words(one.label, known.figure_bold if one.strong or last else known.figure, _LABEL[1])
    return label, words(wording.amount(one.amount_minor), face, _AMOUNT[1])
