"""From what was read of a shard to the bill of each tenant, or the sentence why it has none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from adapters.postgres.billing_runs.calendar import Calendar
from adapters.postgres.billing_runs.irregular import by_segment, in_total
from adapters.postgres.billing_runs.late import NOTHING_LATE, Late
from adapters.postgres.billing_runs.reading import Account, Stops, Usage
from adapters.postgres.billing_runs.terms import KnownTerms
from billing.contracts import Contract
from billing.invoicing import Bill, bill
from billing.month_end import Outcome
from billing.parking import obstacle
from billing.periods import DaySpan
from billing.rollups import made_anew
from billing.segments import Segment, segments

_NOTHING: Mapping[str, int] = {}


class Judged(NamedTuple):
    """What became of a tenant; a bill is kept also where it may not be issued yet, for its total."""

    account: Account
    days: DaySpan
    outcome: Outcome
    bill: Bill | None = None
    reason: str | None = None


@dataclass
class Material:
    """Everything a shard's bills are made from; tenants absent from a mapping have nothing of the kind."""

    calendar: Calendar
    terms: Mapping[int, KnownTerms]
    labels: Mapping[str, str]
    usage: Mapping[str, Usage]
    stops: Stops
    by_day: Mapping[str, Mapping[date, Usage]]
    contracts: Mapping[str, Sequence[Contract]]
    in_advance: Mapping[str, Usage]
    late: Mapping[str, Late]
    _whole: dict[tuple[int, int, bool], tuple[Segment, ...]] = field(default_factory=dict)

    def judge(self, account: Account) -> Judged:
        """The tenant's bill, or why there is none. Held comes first: whoever held it knows of something else wrong."""
        days = self.calendar.days[account.anchor_day - 1]
        tenant_id = account.tenant_id
        used = self._used(tenant_id)
        if hold := self.stops.hold_on(tenant_id, used):
            return Judged(account, days, Outcome.HELD, reason=f"invoicing is held: {hold}")
        if tenant_id in self.stops.disagreeing:
            return Judged(account, days, Outcome.PARKED, reason=_disagrees(*self.stops.disagreeing[tenant_id]))
        owed = tenant_id in self.late or tenant_id in self.in_advance
        if not (account.now or owed or any(used.values())):
            return Judged(account, days, Outcome.NOTHING_TO_BILL)
        try:
            made = self._bill(account, days, used)
        except ValueError as why:  # UnbillableError, or a price that refuses a quantity
            return Judged(account, days, Outcome.PARKED, reason=str(why))
        if not made.lines:
            return Judged(account, days, Outcome.NOTHING_TO_BILL)
        objection = obstacle(
            account.currency,
            made,
            legal_entity_id=account.legal_entity_id,
            has_address=account.has_address,
            has_customer=account.has_customer,
            can_be_collected=account.can_be_collected,
        )
        return Judged(account, days, Outcome.PARKED if objection else Outcome.RATED, bill=made, reason=objection)

    def _bill(self, account: Account, days: DaySpan, used: Usage) -> Bill:
        tenant_id, anchor_day = account.tenant_id, account.anchor_day
        following_days = self.calendar.following[anchor_day - 1]
        covered: Sequence[Segment]
        following: Sequence[Segment]
        if account.is_plain:
            covered, usage = self._whole_period(account.terms_id, anchor_day, following=False), [used]
            following = self._whole_period(account.next_terms_id, anchor_day, following=True)
        else:
            contracts = self.contracts.get(tenant_id, ())
            covered = segments(contracts, days, account.zone)
            usage = by_segment(covered, self.by_day.get(tenant_id, {}))
            following = segments(contracts, following_days, account.zone)
        late = self.late.get(tenant_id, NOTHING_LATE)
        return bill(
            covered,
            days,
            usage,
            following=following,
            following_days=following_days,
            advance_billed=self.in_advance.get(tenant_id, _NOTHING),
            late=late.usage,
            trued_up=late.trued_up,
            labels=self.labels,
        )

    def _used(self, tenant_id: str) -> Usage:
        if tenant_id in self.by_day:
            return in_total(self.by_day[tenant_id])
        return self.usage.get(tenant_id, {})

    def _whole_period(self, terms_id: int | None, anchor_day: int, *, following: bool) -> tuple[Segment, ...]:
        """One segment for the whole period, the same object for every tenant under the same terms."""
        if terms_id is None:
            return ()
        key = (terms_id, anchor_day, following)
        if key not in self._whole:
            spans = self.calendar.following if following else self.calendar.days
            days, known = spans[anchor_day - 1], self.terms[terms_id]
            skipped = following and not known.fees_in_advance
            self._whole[key] = () if skipped else (Segment(days=days, active_days=days.days, terms=known.terms),)
        return self._whole[key]


def _disagrees(meter: str, day: date) -> str:
    return (
        f"the roll-up of {meter} on {day} does not agree with the raw events: make it anew ({made_anew(day, day)}), "
        "then bill the tenant again"
    )
