"""The certificate of a deletion as PDF: what went, on whose word, and what a count afterwards found (P9)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from typing import NamedTuple

from reportlab import rl_config
from reportlab.pdfgen.canvas import Canvas

from adapters.pdf.sheet import Sheet
from adapters.pdf.styles import BOTTOM, INK, MARGIN, PAGE, RULE, WIDTH, styles
from adapters.pdf.typeset import words
from billing.policy.retention import RULES, Fate
from billing.retention import CertifiedRow, DeletionCertificate

# Text that stands for bytes is a fourth longer; see `adapters.pdf.press`.
rl_config.useA85 = 0

TITLE = "Certificate of deletion"
_DONE = {Fate.DELETE: "deleted", Fate.REDACT: "redacted"}
# Left of a figure, so that it never touches what stands before it.
_GAP = 6.0


class _Column(NamedTuple):
    """Where a column begins and how wide it is, as shares of the page; figures are set to its right edge."""

    name: str
    start: float
    share: float
    figure: bool = False

    @property
    def x(self) -> float:
        return float(WIDTH * self.start + (_GAP if self.figure else 0))

    @property
    def room(self) -> float:
        return float(WIDTH * self.share - _GAP)


_COLUMNS = (
    _Column("Customer", 0.0, 0.23),
    _Column("Table", 0.23, 0.25),
    _Column("What was done", 0.48, 0.14),
    _Column("Planned", 0.62, 0.14, figure=True),
    _Column("Gone", 0.76, 0.14, figure=True),
    _Column("Left", 0.90, 0.10, figure=True),
)
_VALUE = WIDTH * 0.24
_AIR = 3.0


def print_certificate(certificate: DeletionCertificate) -> bytes:
    """The certificate as PDF, A4, fonts embedded; equal certificates give equal bytes."""
    sheet = _laid_out(certificate)
    file = BytesIO()
    canvas = Canvas(file, pagesize=PAGE, invariant=1)  # neither the date of printing nor a random id
    canvas.setTitle(f"{TITLE} {certificate.plan_id}")
    canvas.setSubject(f"{TITLE} for plan {certificate.plan_id}")
    canvas.setCreator("billing runbooks")
    for page in range(sheet.pages):
        sheet.draw(canvas, page)
        _foot(canvas, certificate, f"Page {page + 1} of {sheet.pages}")
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def _laid_out(certificate: DeletionCertificate) -> Sheet:
    sheet = Sheet()
    sheet.top -= sheet.stack(0, [words(TITLE, styles().title, WIDTH)]) + 10
    said = f"{certificate.in_words()[:1].upper()}{certificate.in_words()[1:]}, as a count afterwards confirmed."
    sheet.top -= sheet.stack(0, [words(said, styles().text, WIDTH)]) + 12
    _facts(sheet, certificate)
    sheet.skip(16)
    _rows(sheet, certificate.rows)
    _total(sheet, certificate)
    _list(
        sheet,
        "What stayed for now",
        [f"{one.subject}: {one.why}" for one in certificate.spared],
    )
    _list(sheet, "What is kept", _kept())
    return sheet


def _facts(sheet: Sheet, certificate: DeletionCertificate) -> None:
    facts = (
        ("Plan", certificate.plan_id),
        ("Counted as of", _moment(certificate.as_of)),
        ("Hash of the plan", certificate.plan_sha256),
        ("Confirmed by", certificate.confirmed_by),
        ("Approved by", ", ".join(certificate.approved_by)),
        ("Carried out", f"{_moment(certificate.begun_at)} to {_moment(certificate.finished_at)}"),
    )
    for label, value in facts:
        name = sheet.stack(0, [words(label, styles().quiet, _VALUE)])
        sheet.top -= max(name, sheet.stack(_VALUE, [words(value, styles().text, WIDTH - _VALUE)])) + _AIR


def _rows(sheet: Sheet, rows: Sequence[CertifiedRow]) -> None:
    _heads(sheet)
    for row in rows:
        blocks = [
            words(said, styles().figure if column.figure else styles().text, column.room)
            for said, column in zip(_cells(row), _COLUMNS, strict=True)
        ]
        height = max(block.height for block in blocks) + 2 * _AIR
        if not sheet.fits(height):
            sheet.turn()
            _heads(sheet)
        for block, column in zip(blocks, _COLUMNS, strict=True):
            sheet.stack(column.x, [block], below=_AIR)
        sheet.top -= height
        sheet.rule(0, WIDTH, 0.4, RULE)


def _cells(row: CertifiedRow) -> tuple[str, ...]:
    done = "held" if row.held else _DONE[row.fate] if row.planned else "came later"
    return (
        row.tenant_id or "all, by age",
        row.table,
        done,
        *(f"{figure:,}" for figure in (row.planned, row.gone, row.left)),
    )


def _heads(sheet: Sheet) -> None:
    for column in _COLUMNS:
        style = styles().head_figure if column.figure else styles().head
        sheet.stack(column.x, [words(column.name, style, column.room)], below=_AIR)
    sheet.top -= styles().head.leading + 2 * _AIR
    sheet.rule(0, WIDTH, 0.8, INK)


def _total(sheet: Sheet, certificate: DeletionCertificate) -> None:
    planned = sum(row.planned for row in certificate.rows)
    if not sheet.fits(styles().bold.leading + 2 * _AIR):
        sheet.turn()
    sheet.stack(0, [words("Total", styles().bold, WIDTH / 2)], below=_AIR)
    figures = (column for column in _COLUMNS if column.figure)
    for figure, column in zip((planned, certificate.gone, certificate.left), figures, strict=True):
        sheet.stack(column.x, [words(f"{figure:,}", styles().figure_bold, column.room)], below=_AIR)
    sheet.top -= styles().bold.leading + 2 * _AIR


def _list(sheet: Sheet, heading: str, lines: Sequence[str]) -> None:
    if not lines:
        return
    sheet.skip(14)
    head = words(heading, styles().bold, WIDTH)
    for place, line in enumerate(lines):
        said = words(line, styles().quiet, WIDTH)
        room = said.height + (head.height + _AIR if place == 0 else 0)
        if not sheet.fits(room):
            sheet.turn()
        if place == 0:
            sheet.top -= sheet.stack(0, [head]) + _AIR
        sheet.top -= sheet.stack(0, [said])


def _kept() -> list[str]:
    """Why anything of a customer is still there: each reason with its tables."""
    by_reason: dict[str, list[str]] = {}
    for table, rule in RULES.items():
        if rule.fate is Fate.KEEP and "the house's own" not in rule.why:
            by_reason.setdefault(rule.why, []).append(table)
    return [f"{', '.join(tables)}: {why}." for why, tables in by_reason.items()]


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _foot(canvas: Canvas, certificate: DeletionCertificate, page: str) -> None:
    canvas.setStrokeColor(RULE)
    canvas.setLineWidth(0.4)
    canvas.line(MARGIN, BOTTOM - 10, PAGE[0] - MARGIN, BOTTOM - 10)
    words(f"{TITLE} {certificate.plan_id}", styles().foot, WIDTH * 0.8).draw(canvas, MARGIN, BOTTOM - 14.5)
    words(page, styles().foot_figure, WIDTH * 0.2).draw(canvas, MARGIN + WIDTH * 0.8, BOTTOM - 14.5)
