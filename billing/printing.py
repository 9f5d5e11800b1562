"""From books to the printed page: an invoice, the next revision of one, or the credit note between the two."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

from pydantic import BaseModel, ConfigDict

from billing.documents import DocumentKind, Party, PriceStep, PrintedDocument, PrintedFact, PrintedLine, PrintedSum
from billing.invoices import Invoice, InvoiceLine, LineKind
from billing.money import Money
from billing.prices import MeterPrice, Scheme
from billing.rating import included_units, steps
from billing.wording import percent, written

# What is taken off or put on is told under the charges.
_BELOW = (LineKind.TAX,)


class Edition(BaseModel):
    """What a document says beyond its own rows, as it was when it was first printed: the parties, the reader's locale, how
    it is paid, and the documents before it. Kept with it, so that it can be printed again to the byte."""

    model_config = ConfigDict(frozen=True)

    seller: Party
    buyer: Party
    locale: str
    issued_on: date
    due_on: date | None = None
    charged_automatically: bool = False
    corrects: str | None = None
    credit_note: str | None = None


def printed_invoice(invoice: Invoice, edition: Edition) -> PrintedDocument:
    """The invoice as issued; a later revision is a corrected invoice and names what it corrects (D8)."""
    revised = invoice.revision > 1
    return PrintedDocument(
        kind=DocumentKind.CORRECTED_INVOICE if revised else DocumentKind.INVOICE,
        number=invoice.number,
        issued_on=edition.issued_on,
        currency=invoice.currency,
        locale=edition.locale,
        seller=edition.seller,
        buyer=edition.buyer,
        facts=tuple(_facts(invoice, edition)),
        lines=tuple(_line(line, invoice.currency) for line in invoice.lines if line.kind not in _BELOW),
        sums=tuple(_sums(invoice)),
        notes=tuple(_notes(invoice, edition)),
    )


def printed_credit_note(
    number: str, amount: Money, corrected: Invoice, revision: Invoice, edition: Edition
) -> PrintedDocument:
    """The note that takes `amount` off `corrected`, line by line as `revision` restates it (D8)."""
    return PrintedDocument(
        kind=DocumentKind.CREDIT_NOTE,
        number=number,
        issued_on=edition.issued_on,
        currency=amount.currency,
        locale=edition.locale,
        seller=edition.seller,
        buyer=edition.buyer,
        facts=(
            *_period(corrected),
            PrintedFact(label="Customer", value=corrected.tenant_id),
            PrintedFact(label="Corrects", value=corrected.number),
            PrintedFact(label="Followed by", value=revision.number),
        ),
        lines=tuple(_differences(corrected, revision)),
        sums=(PrintedSum(label="Credited", amount_minor=-amount.minor, strong=True),),
        notes=("What was credited lowers what is due, or stands to your balance where the invoice was paid.",),
    )


def _facts(invoice: Invoice, edition: Edition) -> Iterator[PrintedFact]:
    yield from _period(invoice)
    yield PrintedFact(label="Customer", value=invoice.tenant_id)
    if edition.due_on:
        yield PrintedFact(label="Due on", value=edition.due_on)
    for label, number in (
        ("Corrects", edition.corrects),
        ("Credit note", edition.credit_note),
    ):
        if number:
            yield PrintedFact(label=label, value=number)


def _period(invoice: Invoice) -> Iterator[PrintedFact]:
    if invoice.service_start and invoice.service_end:
        yield PrintedFact(
            label="Service period", value=(invoice.service_start, invoice.service_end - timedelta(days=1))
        )
    else:
        yield PrintedFact(label="Service period", value=invoice.period)


def _line(line: InvoiceLine, currency: str) -> PrintedLine:
    price = line.applied_price
    if line.kind is not LineKind.USAGE or price is None:
        return PrintedLine(description=line.description, detail=_detail(line), amount_minor=line.amount_minor)
    plain = _unit_amount(price)
    return PrintedLine(
        description=line.description,
        detail=_bounds(line, price, currency),
        quantity=line.quantity,
        unit_amount=plain,
        steps=() if plain is not None else tuple(_steps(line, price)),
        amount_minor=line.amount_minor,
    )


def _unit_amount(price: MeterPrice) -> Decimal | None:
    """The price a unit where one holds for every unit; None where steps have to be told."""
    simple = len(price.tiers) == 1 and not price.included and not price.tiers[0].flat_minor
    return price.tiers[0].unit_amount if simple and price.scheme is not Scheme.PACKAGES else None


def _steps(line: InvoiceLine, price: MeterPrice) -> Iterator[PriceStep]:
    active, period = line.proration
    if free := included_units(price, active, period):
        yield PriceStep(quantity=min(free, line.quantity), unit_amount=Decimal(0), words="included")
    each = f"packages of {written(price.package_size)}" if price.package_size else ""
    for step in steps(price, line.quantity, active, period):
        yield PriceStep(
            quantity=step.quantity,
            unit_amount=step.tier.unit_amount,
            flat_minor=step.tier.flat_minor,
            unit=each,
        )


def _detail(line: InvoiceLine) -> str:
    if line.rate is not None:
        return percent(line.rate)
    if line.kind is LineKind.LATE_USAGE:
        more = f"{written(line.quantity)} more, at the price of that period"
        return ", ".join(part for part in (more, _prorated(line)) if part)
    return _prorated(line)


def _prorated(line: InvoiceLine) -> str:
    active, period = line.proration
    return f"{active} of {period} days" if active != period else ""


def _bounds(line: InvoiceLine, price: MeterPrice, currency: str) -> str:
    """What bounded the charge, and the days it was prorated by."""
    said = [_prorated(line)]
    for minor, words in ((price.minimum_minor, "at least"), (price.maximum_minor, "at most")):
        if minor is not None:
            said.append(f"{words} {Money(minor=minor, currency=currency)} a period")
    return ", ".join(part for part in said if part)


def _sums(invoice: Invoice) -> Iterator[PrintedSum]:
    taxes = [line for line in invoice.lines if line.kind is LineKind.TAX]
    net = invoice.total_minor - sum(line.amount_minor for line in taxes)
    if taxes:
        yield PrintedSum(label="Net", amount_minor=net)
    for tax in taxes:
        share = f" {percent(tax.rate)}" if tax.rate is not None else ""
        yield PrintedSum(label=f"{tax.description}{share}", amount_minor=tax.amount_minor)
    if taxes or invoice.applied_credit_minor:
        yield PrintedSum(label="Total", amount_minor=invoice.total_minor, strong=True)
    if invoice.applied_credit_minor:
        yield PrintedSum(label="Credits from before", amount_minor=-invoice.applied_credit_minor)
    yield PrintedSum(label="Amount due", amount_minor=invoice.due_minor, strong=True)


def _notes(invoice: Invoice, edition: Edition) -> Iterator[str]:
    if invoice.due_minor <= 0:
        yield "Nothing is to be paid."
    elif edition.charged_automatically:
        yield "The amount due is charged to the payment method on record."
    elif edition.seller.bank_details:
        yield f"Please transfer the amount due to {edition.seller.bank_details} and name {invoice.number}."


def _differences(corrected: Invoice, revision: Invoice) -> Iterator[PrintedLine]:
    before = {line.number: line for line in corrected.lines}
    for line in revision.lines:
        earlier = before.get(line.number)
        if difference := line.amount_minor - (earlier.amount_minor if earlier else 0):
            yield PrintedLine(
                description=line.description,
                detail=_restated(earlier, line) if earlier else "",
                amount_minor=difference,
            )


def _restated(earlier: InvoiceLine, line: InvoiceLine) -> str:
    if earlier.quantity == line.quantity:
        return ""
    return f"Billed {written(earlier.quantity)}, correct {written(line.quantity)}"
