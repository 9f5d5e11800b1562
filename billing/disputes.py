"""What a usage dispute is: the ticket as it arrives, its categories, how severe it is and when it escalates at once."""

from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from billing.moments import Moment
from billing.money import Currency, Money
from billing.periods import BillingMonth
from billing.redaction import no_card_number
from billing.spelling import KEPT, Spelled
from billing.tenants import MeterName, TenantId

LINK_LENGTH_MAX = 2_000

TicketId = Annotated[
    str,
    Spelled(
        r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}",
        "write letters, digits, '.', '_' or '-', at most 64, a letter or digit first",
    ),
    AfterValidator(no_card_number),
]
Text = Annotated[str, StringConstraints(max_length=20_000), KEPT]
# One printable line: what may stand in a mail header or a table without breaking either.
Line = Annotated[
    str,
    StringConstraints(max_length=300),
    Spelled(r"[^\x00-\x1f\x7f]*", "write one line without control characters"),
]
Email = Annotated[
    str,
    StringConstraints(max_length=254),
    Spelled(r"[^@\s<>,;\"\x00-\x1f]+@[^@\s<>,;\"\x00-\x1f]+", "write one address, such as accounts@acme.example"),
]
Sha256 = Annotated[str, Spelled(r"[0-9a-f]{64}", "write the SHA-256 as 64 digits and small letters from a to f")]
Link = Annotated[
    str,
    StringConstraints(max_length=LINK_LENGTH_MAX),
    Spelled(r"https?://[^\s]+", "write a link that starts with https:// or http://, without spaces"),
]


class Category(StrEnum):
    """What the customer contests (D1); each has its own evidence plan."""

    USAGE_CALCULATION = "usage_calculation"
    UNAUTHORIZED_USAGE = "unauthorized_usage"
    SERVICE_QUALITY = "service_quality"
    PRICING = "pricing"


class Severity(StrEnum):
    """How grave a dispute is, from its amount and tier (D2); `critical` only by escalating at once (D10)."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def one_step_up(self) -> "Severity":
        """The next graver severity; `high` is the gravest an amount alone can reach (D2)."""
        return {Severity.LOW: Severity.NORMAL, Severity.NORMAL: Severity.HIGH}.get(self, self)


class Resolution(StrEnum):
    """How a dispute is decided (D6)."""

    CUSTOMER_CORRECT = "customer_correct"
    BILLING_CORRECT = "billing_correct"
    PARTIAL = "partial"


_IN_WORDS = {
    Resolution.CUSTOMER_CORRECT: "the customer is right",
    Resolution.BILLING_CORRECT: "the bill is right",
    Resolution.PARTIAL: "the customer is partly right",
}


def in_words(resolution: Resolution) -> str:
    """A resolution as people say it, in the middle of a sentence: `the customer is right`."""
    return _IN_WORDS[resolution]


class Attachment(BaseModel):
    """A piece of evidence the customer sent: we keep its name, SHA-256 and link, never its content (D2)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Line
    sha256: Sha256 | None = None
    link: Link | None = None


class Requester(BaseModel):
    """Who wrote the ticket; letters go to this address."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Line = ""
    email: Email


class Ticket(BaseModel):
    """A usage dispute as a support desk hands it over (D2); amounts are major units of `currency`, zero or more."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ticket_id: TicketId
    tenant_id: TenantId
    period: BillingMonth
    meters: tuple[MeterName, ...] = Field(min_length=1, max_length=20)
    category: Category
    claimed_amount: Decimal
    billed_amount: Decimal
    currency: Currency
    requester: Requester
    subject: Line = ""
    description: Text = ""
    evidence: tuple[Attachment, ...] = Field(default=(), max_length=50)
    opened_at: Moment
    security_concern: bool = False
    legal_threat: bool = False
    executive_escalation: bool = False

    @field_validator("claimed_amount", "billed_amount", mode="before")
    @classmethod
    def _a_plain_number(cls, value: object) -> object:
        if isinstance(value, float):
            raise ValueError(f'{value!r} is a binary float: send amounts as text, for example "120.00"')
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            raise ValueError(f'{value!r} is not a number: send an amount such as "120.00"') from None
        if not number.is_finite() or number < 0:
            raise ValueError(f"{value!r} must be zero or more")
        return number

    @field_validator("meters")
    @classmethod
    def _each_meter_once(cls, meters: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted(set(meters)))

    @model_validator(mode="after")
    def _amounts_fit_the_currency(self) -> Self:
        Money.of(self.claimed_amount, self.currency)
        Money.of(self.billed_amount, self.currency)
        return self

    @property
    def claimed(self) -> Money:
        """What the customer says is right."""
        return Money.of(self.claimed_amount, self.currency)

    @property
    def billed(self) -> Money:
        """What the customer says was billed."""
        return Money.of(self.billed_amount, self.currency)

    @property
    def disputed(self) -> Money:
        """The contested difference; never negative: a claim above the bill contests nothing."""
        difference = self.billed - self.claimed
        return difference if difference.minor > 0 else Money.zero(self.currency)


def case_id(ticket_id: str) -> str:
    """The business key of a dispute, which is its workflow id: a repeated ticket is the same case."""
    return f"dispute/{ticket_id}"
