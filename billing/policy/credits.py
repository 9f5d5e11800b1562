"""How far each role may go with a tenant's money, and how amounts of other currencies compare with those limits."""

from collections.abc import Iterable
from datetime import timedelta
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from billing.money import Currency, Money


class Payback(StrEnum):
    """How money goes back: what was paid to the payment method or into the customer's balance, or everything off the next
    invoice, without a document (D8, B4)."""

    REFUND = "refund"
    BALANCE = "balance"
    NEXT_INVOICE = "next_invoice"


class CreditPolicy(BaseModel):
    """Limits are in `reference_currency`; `units_per_reference` are fixed planning rates, not market rates.

    An amount in a currency without a planning rate is within no limit: a person at the top of the ladder decides it.
    `payback` is where the paid part of a corrected invoice goes when nobody says otherwise.
    """

    model_config = ConfigDict(frozen=True)

    reference_currency: Currency
    units_per_reference: dict[Currency, Decimal]
    agent_limit: Money
    lead_limit: Money
    window: timedelta
    corrected_invoice_above: Money
    goodwill_limit: Money
    payback: Payback = Payback.BALANCE

    @model_validator(mode="after")
    def _limits_grow_and_share_a_currency(self) -> Self:
        limits = (self.corrected_invoice_above, self.goodwill_limit, self.agent_limit, self.lead_limit)
        if any(limit.currency != self.reference_currency for limit in limits):
            raise ValueError(f"every limit must be in {self.reference_currency}")
        if not self.agent_limit < self.lead_limit:
            raise ValueError(f"limits must grow with the role: agent {self.agent_limit}, lead {self.lead_limit}")
        if any(rate <= 0 for rate in self.units_per_reference.values()):
            raise ValueError(f"planning rates must be positive: {self.units_per_reference}")
        if self.payback is Payback.NEXT_INVOICE:
            raise ValueError(f"payback {self.payback}: what was paid goes to refund or balance")
        return self

    def within(self, amount: Money, limit: Money) -> bool:
        """Whether `amount` is at most `limit`, compared exactly (no rounding), converted at the planning rate."""
        if amount.currency == limit.currency:
            return amount <= limit
        rate = self.units_per_reference.get(amount.currency)
        return rate is not None and amount.major <= limit.major * rate

    def reaches(self, amount: Money, threshold: Money) -> bool:
        """Whether `amount` is at least `threshold`; an amount that cannot be compared reaches every threshold."""
        if amount.currency == threshold.currency:
            return amount >= threshold
        rate = self.units_per_reference.get(amount.currency)
        return rate is None or amount.major >= threshold.major * rate

    def added_up(self, amounts: Iterable[Money], currency: str) -> Money | None:
        """The sum in one currency, each other amount brought in at the planning rates and rounded up to the minor unit,
        so that nothing slips under a limit; None when a rate is missing: nobody can say how much it is."""
        total = Money.zero(currency)
        for amount in amounts:
            brought_in = self._in(amount, currency)
            if brought_in is None:
                return None
            total += brought_in
        return total

    def _in(self, amount: Money, currency: str) -> Money | None:
        if amount.currency == currency:
            return amount
        of, into = self._units(amount.currency), self._units(currency)
        if of is None or into is None:
            return None
        minor_unit = Money(minor=1, currency=currency).major
        return Money.of((amount.major * into / of).quantize(minor_unit, ROUND_CEILING), currency)

    def _units(self, currency: str) -> Decimal | None:
        return Decimal(1) if currency == self.reference_currency else self.units_per_reference.get(currency)

    def exceeds(self, amount: Money, limit: Money) -> bool:
        """The opposite of `within`; an amount that cannot be compared exceeds every limit."""
        return not self.within(amount, limit)
