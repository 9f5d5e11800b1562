"""Findings: what the analysis concludes from the facts, each naming its rows, its meter and what it is worth."""

from decimal import Decimal
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from billing.disputes import Resolution
from billing.evidence import RowSet
from billing.money import Money
from billing.prices import MeterPrice
from billing.tenants import MeterName


class FindingKind(StrEnum):
    """What the analysis of a dispute can conclude (D5)."""

    DUPLICATE_EVENTS = "duplicate_events"
    MISSING_EVENTS = "missing_events"
    MISDATED_EVENTS = "misdated_events"
    ROLLUP_MISMATCH = "rollup_mismatch"
    BILLED_QUANTITY_MISMATCH = "billed_quantity_mismatch"
    WRONG_RATE = "wrong_rate"
    COMPROMISED_KEY = "compromised_key"
    SUSPICIOUS_KEY = "suspicious_key"
    QUALITY_BREACH = "quality_breach"


class Finding(BaseModel):
    """One conclusion. It corrects a meter by removing `excess_quantity` (negative: usage never billed), by rating with
    `correct_price`, or by giving back `share_of_charge` of the meter's charge. `amount` is filled in by re-rating: what
    the customer overpaid (negative: underpaid). `conclusive` False means a person must judge it."""

    model_config = ConfigDict(frozen=True)

    kind: FindingKind
    meter: MeterName
    statement: str
    conclusive: bool = True
    systematic: bool = False
    excess_quantity: Decimal = Decimal(0)
    correct_price: MeterPrice | None = None
    share_of_charge: Decimal = Decimal(0)
    amount: Money | None = None
    rows: RowSet | None = None


class CorrectedLine(BaseModel):
    """One invoice line with and without the findings; amounts in minor units, `credit_minor` = billed - correct.

    Without a meter it follows from the charges: a true-up to the minimum, a discount, tax.
    """

    model_config = ConfigDict(frozen=True)

    line_number: int
    meter: MeterName | None
    billed_quantity: Decimal
    correct_quantity: Decimal
    billed_minor: int
    correct_minor: int
    correct_price: MeterPrice | None = None

    @property
    def is_new(self) -> bool:
        """Whether no line was billed: a true-up to the minimum that only the corrected charges need."""
        return self.meter is None and not self.billed_quantity

    @property
    def credit_minor(self) -> int:
        """What was billed too much, in minor units; negative when it was too little."""
        return self.billed_minor - self.correct_minor


class Assessment(BaseModel):
    """The outcome of an analysis: findings whose amounts sum to `overbilled`, the corrected lines, and the resolution
    they suggest. `conclusive` says whether it may stand without a person's judgement (D6)."""

    model_config = ConfigDict(frozen=True)

    findings: tuple[Finding, ...]
    lines: tuple[CorrectedLine, ...]
    overbilled: Money
    already_credited: Money
    credit: Money
    resolution: Resolution
    conclusive: bool
    explanation: tuple[str, ...] = ()

    @property
    def systematic(self) -> bool:
        """Whether a defect behind a finding may touch other customers too (D11)."""
        return any(finding.systematic for finding in self.findings)
