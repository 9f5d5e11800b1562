"""Was the agreed price applied? Contract against invoice, line by line."""

from __future__ import annotations

from collections.abc import Sequence

from billing.contracts import Contract
from billing.findings import Finding, FindingKind
from billing.invoices import Invoice, InvoiceLine
from billing.money import CurrencyMismatchError, Money
from billing.prices import MeterPrice
from billing.rating import rate, terms
from billing.wording import units


def findings(contract: Contract, invoice: Invoice, meters: Sequence[str]) -> list[Finding]:
    """A finding for each of `meters` whose line was not rated as the contract says; meters never billed have none.

    Raises CurrencyMismatchError when the contract is in another currency than the invoice: nothing can be compared then.
    """
    if contract.currency != invoice.currency:
        raise CurrencyMismatchError(
            f"contract {contract.contract_id} is in {contract.currency}, invoice {invoice.number} in {invoice.currency}: "
            "record the contract that was in force for the period"
        )
    lines = [(meter, line) for meter in meters if (line := invoice.line_for(meter))]
    found = (_against(contract.price_of(meter), meter, line, invoice.currency) for meter, line in lines)
    return [finding for finding in found if finding]


def _against(agreed: MeterPrice | None, meter: str, line: InvoiceLine, currency: str) -> Finding | None:
    if agreed is None:
        return Finding(
            kind=FindingKind.WRONG_RATE,
            meter=meter,
            statement=f"The contract holds no price for {meter}, which was billed at {_applied(line, currency)}.",
            conclusive=False,
        )
    if line.applied_price is not None and line.applied_price != agreed:
        statement = f"{meter} was billed at {_applied(line, currency)}; the contract says {terms(agreed, currency)}."
        # A price that held for a part of the period may have been another contract's, and right.
        active, period = line.proration
        return _wrong_rate(meter, statement, agreed, conclusive=active == period)
    due = rate(agreed, line.quantity, *line.proration)
    if due == line.amount_minor:
        return None
    statement = (
        f"{units(line.quantity)} of {meter} were billed with {Money(minor=line.amount_minor, currency=currency)}; "
        f"at the contract's price they cost {Money(minor=due, currency=currency)}."
    )
    # Without the price that was applied nobody can tell an agreed discount from a mistake.
    return _wrong_rate(meter, statement, agreed, conclusive=line.applied_price is not None)


def _wrong_rate(meter: str, statement: str, agreed: MeterPrice, *, conclusive: bool) -> Finding:
    return Finding(
        kind=FindingKind.WRONG_RATE, meter=meter, statement=statement, conclusive=conclusive, correct_price=agreed
    )


def _applied(line: InvoiceLine, currency: str) -> str:
    return terms(line.applied_price, currency) if line.applied_price else "a price that is not on record"
