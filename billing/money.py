"""Money as integer minor units with its currency, and the only place where an amount is rounded or shared out."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, StrictInt

# Decimal places of the minor unit (ISO 4217). A currency absent here is refused instead of guessed.
MINOR_UNIT_PLACES: dict[str, int] = {
    "USD": 2, "EUR": 2, "GBP": 2, "CHF": 2, "CAD": 2, "AUD": 2, "NZD": 2, "SEK": 2, "NOK": 2, "DKK": 2, "PLN": 2,
    "CZK": 2, "SGD": 2, "INR": 2, "BRL": 2, "MXN": 2, "ZAR": 2, "JPY": 0, "KRW": 0, "CLP": 0, "VND": 0, "KWD": 3,
    "BHD": 3, "OMR": 3, "TND": 3,
}  # fmt: skip

# Beyond this an amount leaves the database's 64-bit minor units, and a short text such as 1E+999999 the memory.
_MOST_MAJOR_DIGITS = 15


class CurrencyMismatchError(ValueError):
    """Two amounts of different currencies met in one sum or comparison."""


def known_currency(code: str) -> str:
    """Return the upper-case ISO 4217 code; raises ValueError naming the code when we do not bill in it."""
    upper = code.upper()
    if upper not in MINOR_UNIT_PLACES:
        raise ValueError(f"currency {code!r} is not one we bill in: use one of {', '.join(sorted(MINOR_UNIT_PLACES))}")
    return upper


Currency = Annotated[str, AfterValidator(known_currency)]


def half_up(amount: Decimal) -> int:
    """Round to a whole number of minor units, halves away from zero: the way documents and Stripe round (B1)."""
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def split_minor(total: int, weights: Sequence[int | Decimal]) -> list[int]:
    """Share `total` minor units by `weights` (largest remainder first, earlier share on a tie), summing to it (B6)."""
    whole = sum((Decimal(weight) for weight in weights), Decimal(0))
    if whole <= 0 or any(weight < 0 for weight in weights):
        raise ValueError(f"weights must be zero or more with a positive sum, got {list(weights)}")
    sign = -1 if total < 0 else 1
    exact = [Decimal(abs(total)) * Decimal(weight) / whole for weight in weights]
    shares = [int(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: (shares[i] - exact[i], i))
    for index in by_remainder[: abs(total) - sum(shares)]:
        shares[index] += 1
    return [sign * share for share in shares]


class Money(BaseModel):
    """An amount in minor units (cents, yen, fils) of one currency; it may be negative, never mixed (B7)."""

    model_config = ConfigDict(frozen=True)

    minor: StrictInt
    currency: Currency

    @classmethod
    def zero(cls, currency: str) -> Self:
        """Nothing, in a currency by its ISO 4217 code; raises ValueError for one that we do not bill in."""
        return cls(minor=0, currency=currency)

    @classmethod
    def of(cls, amount: str | Decimal | int, currency: str) -> Self:
        """Read an amount in major units ("12.30"); ValueError when no number or finer than the minor unit."""
        code = known_currency(currency)
        try:
            major = Decimal(str(amount))
        except InvalidOperation:
            raise ValueError(f"amount {amount!r} is not a number") from None
        if not major.is_finite():
            raise ValueError(f"amount {amount!r} is not a finite number")
        if major.adjusted() >= _MOST_MAJOR_DIGITS:
            raise ValueError(f"amount {amount!r} is larger than any amount we bill")
        minor = major.scaleb(MINOR_UNIT_PLACES[code])
        if minor != minor.to_integral_value():
            places = MINOR_UNIT_PLACES[code]
            raise ValueError(f"amount {amount!r} has more than the {places} decimal places that {code} knows")
        return cls(minor=int(minor), currency=code)

    @property
    def major(self) -> Decimal:
        """The amount in major units, with exactly the decimal places of its currency."""
        return Decimal(self.minor).scaleb(-MINOR_UNIT_PLACES[self.currency])

    def portion(self, fraction: Decimal) -> Self:
        """This amount times `fraction`, rounded half up to the minor unit."""
        return self._like(half_up(Decimal(self.minor) * fraction))

    def split(self, weights: Sequence[int | Decimal]) -> list[Self]:
        """Shares by weight that sum to the whole (see `split_minor`)."""
        return [self._like(share) for share in split_minor(self.minor, weights)]

    def __add__(self, other: Self) -> Self:
        self._same_currency(other)
        return self._like(self.minor + other.minor)

    def __sub__(self, other: Self) -> Self:
        self._same_currency(other)
        return self._like(self.minor - other.minor)

    def __neg__(self) -> Self:
        return self._like(-self.minor)

    def __lt__(self, other: Self) -> bool:
        self._same_currency(other)
        return self.minor < other.minor

    def __le__(self, other: Self) -> bool:
        self._same_currency(other)
        return self.minor <= other.minor

    def __gt__(self, other: Self) -> bool:
        return not self <= other

    def __ge__(self, other: Self) -> bool:
        return not self < other

    def __bool__(self) -> bool:
        return self.minor != 0

    def __str__(self) -> str:
        """The plain form for logs and the decision log, such as `USD 1234.50`; letters use the customer's locale."""
        return f"{self.currency} {self.major:f}"

    def _like(self, minor: int) -> Self:
        return type(self)(minor=minor, currency=self.currency)

    def _same_currency(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise CurrencyMismatchError(f"cannot combine {self} with {other}: convert one of them first")
