"""What becomes of the customers of a chaos: how each pays or does not, when it does so, and what must be there in the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from billing.policy.bundle import Policy
from billing.policy.dunning import DAY, TierDunning
from billing.provider_events import News
from billing.tenants import Tier
from tests.crash.recovery_house import LONG, Debtor, House, policy_of

# A day takes half a second.
PACE = 172_800
_GRACE = {Tier.PRO: TierDunning(grace=7 * DAY)}
NEVER_LIMITED = policy_of("never limited", {Tier.PRO: TierDunning(grace=LONG)}, pace=PACE)
LIMITED_ONLY = policy_of("limited only", _GRACE, pace=PACE, block_after=LONG, suspend_after=2 * LONG)
SUSPENDED_ONLY = policy_of("suspended only", _GRACE, pace=PACE, kept_for=LONG)
RETRIES, PLAN_DUE = 3, 120_00


class Fate(StrEnum):
    """How a case ends, and by what."""

    BY_RETRY = "paid by the next retry"
    BY_CARD = "paid by a new card"
    LIMITED = "limited, then paid by a new card"
    SUSPENDED = "suspended, then paid elsewhere"
    WRITTEN_OFF = "written off"
    CREDITED = "credited"


@dataclass(frozen=True)
class Lot:
    """One fate. `turns` does what ends the debt, once the service is `at`, so many charges were `tried` and every letter due by
    then was written; None: it is done before the case begins. `letters` are exact but for what leaves at the moment of a
    payment."""

    policy: Policy
    letters: Counter[str]
    ending: str = "recovered"
    taken: int = 0
    limits: tuple[str, ...] = ()
    at: str = "none"
    tried: int = RETRIES
    turns: Callable[[House, Debtor, str], News] | None = None

    @property
    def letters_before(self) -> int:
        """How many letters are due before the debt ends."""
        return self.letters.total() - self.letters["service_restored"]


def _by_card(house: House, debtor: Debtor, _: str) -> News:
    return house.brings_good_card(debtor)


_WARNED = Counter(payment_failed=1, final_warning=1, service_limited=1, service_restored=1)
_DOWN = ("rate_limited", "new_requests_blocked", "suspended", "none")

LOTS = {
    Fate.BY_RETRY: Lot(NEVER_LIMITED, Counter(), taken=PLAN_DUE),
    Fate.BY_CARD: Lot(NEVER_LIMITED, Counter(payment_failed=1), taken=PLAN_DUE, turns=_by_card),
    Fate.LIMITED: Lot(
        LIMITED_ONLY, _WARNED, taken=PLAN_DUE, limits=("rate_limited", "none"), at="rate_limited", turns=_by_card
    ),
    Fate.SUSPENDED: Lot(
        SUSPENDED_ONLY,
        _WARNED + Counter(service_blocked=1, service_suspended=1),
        limits=_DOWN,
        at="suspended",
        turns=House.pays_elsewhere,
    ),
    Fate.WRITTEN_OFF: Lot(NEVER_LIMITED, Counter(payment_failed=1), ending="written off", turns=House.is_written_off),
    Fate.CREDITED: Lot(NEVER_LIMITED, Counter(payment_failed=1), turns=House.is_credited),
}
# What is written at once when a payment failed may be overtaken by the payment.
OVERTAKEN = {Fate.BY_RETRY: frozenset({"payment_failed"})}
