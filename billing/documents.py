"""A document as it is printed: who issues it to whom, what each line is for, what is due, and what it corrects.

Everything here is plain content in the order of the page. Amounts, quantities and days are written out for the reader's
locale only when the page is set, so the same document reads the same everywhere else.
"""

import re
from datetime import date
from decimal import Decimal
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from billing.money import Currency, Money


class DocumentKind(StrEnum):
    """What is printed: an invoice, its next revision after a correction, or the note in between."""

    INVOICE = "invoice"
    CORRECTED_INVOICE = "corrected_invoice"
    CREDIT_NOTE = "credit_note"


class _Printed(BaseModel):
    model_config = ConfigDict(frozen=True)


class Party(_Printed):
    """A name with its address as documents print it; `address` has one line a row. Kept with the document for good."""

    name: str
    address: str
    country: str = ""
    tax_id: str | None = None
    email: str | None = None
    bank_details: str | None = None


class PriceStep(_Printed):
    """A part of a line's quantity and what one unit of it costs, in minor units; `flat_minor` is added once.

    `unit` names what is counted where it is no single unit; `words` take the place of the price where nothing is charged.
    """

    quantity: Decimal
    unit_amount: Decimal
    flat_minor: int = 0
    unit: str = ""
    words: str = ""


class PrintedLine(_Printed):
    """One charge or reduction. `steps` say how usage walked up its price; `detail` what else explains the amount."""

    description: str
    detail: str = ""
    quantity: Decimal | None = None
    unit_amount: Decimal | None = None
    steps: tuple[PriceStep, ...] = ()
    amount_minor: int


class PrintedSum(_Printed):
    """A row under the lines; the strong ones are what a reader looks for."""

    label: str
    amount_minor: int
    strong: bool = False


class PrintedFact(_Printed):
    """A labelled fact of the head, such as the service period; days are written for the locale."""

    label: str
    value: str | date | tuple[date, date]


class PrintedDocument(_Printed):
    """A whole document. `locale` (BCP 47) sets how figures and days are written; every amount is in `currency`."""

    kind: DocumentKind
    number: str
    issued_on: date
    currency: Currency
    locale: str
    seller: Party
    buyer: Party
    facts: tuple[PrintedFact, ...]
    lines: tuple[PrintedLine, ...]
    sums: tuple[PrintedSum, ...]
    notes: tuple[str, ...] = ()

    def money(self, minor: int) -> Money:
        """Minor units as an amount of this document."""
        return Money(minor=minor, currency=self.currency)


def file_name(number: str) -> str:
    """What a document's PDF is called: its number, with what not every file system takes replaced."""
    return f"{re.sub(r'[^A-Za-z0-9._-]', '_', number)}.pdf"
