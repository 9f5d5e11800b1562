"""The words of a printed document: titles, facts, prices and quantities for the reader's locale."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from babel import Locale

from adapters.locales import (
    amount_in_words,
    country_in_words,
    day_in_words,
    days_in_words,
    locale_of,
    price_in_words,
    quantity_in_words,
)
from billing.documents import DocumentKind, PriceStep, PrintedDocument, PrintedFact, PrintedLine

TITLES = {
    DocumentKind.INVOICE: "Invoice",
    DocumentKind.CORRECTED_INVOICE: "Corrected invoice",
    DocumentKind.CREDIT_NOTE: "Credit note",
}


class Wording:
    """Everything a page says that depends on the document's locale and currency."""

    def __init__(self, document: PrintedDocument) -> None:
        self._document = document
        self.locale: Locale = locale_of(document.locale)

    @property
    def title(self) -> str:
        """In English, like letters."""
        return TITLES[self._document.kind]

    def amount(self, minor: int) -> str:
        """An amount of the document. Full-width signs become the ones that the text face has."""
        return _narrow(amount_in_words(self._document.money(minor), self.locale))

    def day(self, day: date) -> str:
        """A local day, in the region's order."""
        return day_in_words(day, self.locale)

    def country(self, country: str) -> str:
        """In English, from its ISO 3166 code; the code itself when there is no name for it."""
        return country_in_words(country, self.locale)

    def facts(self) -> Iterator[tuple[str, str]]:
        """The head's facts in order; a stretch of days names its first and its last."""
        yield "Number", self._document.number
        yield "Date of issue", self.day(self._document.issued_on)
        for fact in self._document.facts:
            yield fact.label, self._fact(fact)

    def quantity(self, line: PrintedLine) -> str:
        """All the digits there are; empty for a line that has none."""
        return "" if line.quantity is None else quantity_in_words(line.quantity, self.locale)

    def unit_price(self, line: PrintedLine) -> str:
        """In major units with as many decimals as the rate has; empty for a line that has none."""
        if line.unit_amount is None:
            return ""
        return self._price(line.unit_amount)

    def step(self, step: PriceStep) -> str:
        """`40,000 × $0.022`, with the flat fee and the words a step brings along."""
        if step.words:
            return f"{quantity_in_words(step.quantity, self.locale)} {step.words}"
        flat = f" + {self.amount(step.flat_minor)}" if step.flat_minor else ""
        counted = f"{quantity_in_words(step.quantity, self.locale)} {step.unit}".rstrip()
        return f"{counted} × {self._price(step.unit_amount)}{flat}"

    def _price(self, unit_amount: Decimal) -> str:
        return _narrow(price_in_words(unit_amount, self._document.currency, self.locale))

    def _fact(self, fact: PrintedFact) -> str:
        match fact.value:
            case date():
                return self.day(fact.value)
            case (first, last):
                return days_in_words(first, last, self.locale)
            case words:
                return str(words)


def _narrow(amount: str) -> str:
    return amount.replace("￥", "¥").replace("－", "−")
