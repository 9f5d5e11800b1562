"""The report of a month end: what finance approves before anything is issued, and how two runs differ."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from billing.authority import Role
from billing.corrections import sha256_of
from billing.money import Currency, Money
from billing.month_end import Outcome
from billing.policy.month_end import MonthEndPolicy
from billing.wording import counted, percent


class Bound(StrEnum):
    """The safety bounds of a draft."""

    SPIKE = "more than the median allows"
    NEGATIVE = "negative"
    ZERO_WITH_USAGE = "zero with usage"
    TOO_MANY_LINES = "too many lines"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Flag(_Record):
    """A draft that a person should see: which bound it tripped and by how much."""

    tenant_id: str
    bound: Bound
    detail: str


class StoppedTenant(_Record):
    """A tenant that was parked or held, and why; parked ones say what to do."""

    tenant_id: str
    outcome: Outcome
    reason: str


class CurrencyTotal(_Record):
    """The drafts of a run in one currency, what earlier runs of the period have issued in it, and what the previous
    period came to; None without. A currency of the previous period that nobody is billed in now is listed too."""

    currency: Currency
    invoices: int
    total_minor: int
    issued_minor: int = 0
    previous_minor: int | None = None

    @property
    def total(self) -> Money:
        """What is billed in this run, in the currency of the row."""
        return Money(minor=self.total_minor, currency=self.currency)

    @property
    def moved(self) -> Decimal | None:
        """The period's change as a share of the previous one, 0.25 for a quarter more; None with nothing to compare."""
        if not self.previous_minor:
            return None
        return Decimal(self.whole.minor - self.previous_minor) / abs(Decimal(self.previous_minor))

    @property
    def whole(self) -> Money:
        """What the period comes to once the drafts are issued."""
        return Money(minor=self.total_minor + self.issued_minor, currency=self.currency)


class RunReport(_Record):
    """A checked run. Lists hold the first of each by tenant id; the counts beside them are complete. `digest` is the
    SHA-256 over every tenant's bill, so that an approval binds each line of them."""

    run_id: str
    period: str
    dry_run: bool
    outcomes: dict[Outcome, int]
    totals: tuple[CurrencyTotal, ...]
    flagged: dict[Bound, int] = {}
    flags: tuple[Flag, ...] = ()
    stopped: tuple[StoppedTenant, ...] = ()
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

    @property
    def invoices(self) -> int:
        """One for each tenant that was rated; whoever was parked, held or had nothing to bill gets none."""
        return self.outcomes.get(Outcome.RATED, 0)


class RunReview(_Record):
    """What finance is asked: the checked report with the reasons why it did not pass by itself. Frozen before anybody
    sees it, and an approval binds its SHA-256. `path` are the roles that must approve; no amount limits apply."""

    op_key: str
    case_id: str
    report: RunReport
    reasons: tuple[str, ...]
    requested_by: str
    path: tuple[Role, ...] = (Role.FINANCE,)

    def sha256(self) -> str:
        """What an approval binds, in lower-case hexadecimal: another report is another question."""
        return sha256_of(self.model_dump(mode="json"))


class Change(_Record):
    """A tenant whose bill differs between two runs; None: it had none."""

    tenant_id: str
    before: Money | None
    after: Money | None


class CurrencyChange(_Record):
    """What two runs came to in one currency."""

    currency: Currency
    before_minor: int
    after_minor: int


class RunDiff(_Record):
    """How a run differs from another, by the digests of the bills; `changes` lists the largest first."""

    run_id: str
    against: str
    same: int
    only_here: int
    only_there: int
    different: int
    totals: tuple[CurrencyChange, ...] = ()
    changes: tuple[Change, ...] = ()


def review_reasons(report: RunReport, policy: MonthEndPolicy) -> tuple[str, ...]:
    """Why finance must see the run before it is finalised, in sentences; empty: it passes by itself.

    Without drafts there is nothing to review. A change of exactly `total_moves_at_most` passes. A house that bills for the
    first time has nothing to compare with; later a currency that nobody was billed in before is a change of its own.
    """
    if not report.invoices:
        return ()
    tripped = (f"{counted(count, 'draft')}: {bound}" for bound, count in report.flagged.items() if count)
    return (*tripped, *_moved(report.totals, policy.total_moves_at_most))


def _moved(totals: Sequence[CurrencyTotal], at_most: Decimal) -> Iterator[str]:
    comparable = any(total.previous_minor for total in totals)
    for total in totals:
        moved = total.moved
        if moved is None and comparable and total.whole:
            yield f"{total.currency} is billed for the first time: {total.whole}"
        elif moved is not None and abs(moved) > at_most:
            previous = Money(minor=total.previous_minor or 0, currency=total.currency)
            yield f"{total.currency} moved by {percent(moved)}, from {previous} to {total.whole}"
