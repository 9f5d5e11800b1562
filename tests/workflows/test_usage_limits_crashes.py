"""A check of usage that dies between any two of its calls and is done again: everybody is limited, lifted and told once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import pytest
from temporalio.testing import ActivityEnvironment

from activities.letters import Letters
from activities.recovery_letters import RecoveryLetters
from activities.usage_limits import UsageLimits
from billing.access import Cause, Restriction, RestrictionOrder
from billing.authority import Role
from billing.emails import Recipient
from billing.holds import HeldEffect, Hold
from billing.overage import CappedMeter, RunningUsage, SpikingDay
from billing.policy.standard import LIMITS
from billing.tenants import Tenant, Tier
from billing.usage_limits import LimitsOrder
from tests.adapters.postgres.company import ACME
from tests.adapters.postgres.test_correction_crashes import Fate, Mortal, ProcessDiedError
from tests.fakes.effects import FakeEffects
from tests.fakes.postman import FakePostman
from tests.fakes.restrictions import FakeRestrictions
from tests.fakes.usage_register import FakeUsageRegister

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
PERIOD = date(2026, 11, 1)
NAMES = ("below", "blocked", "eased", "gone", "review", "throttled")


class KnownUsage:
    """Running usage that a test knows: one tenant for each thing that can happen to it."""

    def near_caps(self, *_: Any) -> tuple[RunningUsage, ...]:
        used = {"blocked": 150, "eased": 10, "review": 100, "throttled": 120}
        return tuple(
            RunningUsage(
                tenant_id=name,
                tier=Tier.ENTERPRISE if name == "review" else Tier.PRO,
                period=PERIOD,
                ends_at=NOON + timedelta(days=10),
                meters=(CappedMeter(meter="api_calls", used=Decimal(units), cap=Decimal(100)),),
            )
            for name, units in used.items()
        )

    def days(self, *_: Any) -> tuple[SpikingDay, ...]:
        spike = SpikingDay(
            tenant_id="below",
            tier=Tier.PRO,
            meter="api_calls",
            day=NOON.date(),
            used=Decimal(50),
            before=Decimal(280),
            used_days=28,
        )
        return (spike,)


class Directory:
    """Satisfies what letters ask of tenants and operators."""

    def find(self, tenant_id: str) -> Tenant:
        return ACME.model_copy(update={"tenant_id": tenant_id})

    def recipients(self, role: Role) -> list[Recipient]:
        return [Recipient(name=role, email=f"{role}@ops.example")]


class Quiet:
    """Satisfies what the check asks of holds."""

    def in_force(self, effect: HeldEffect | None = None) -> tuple[Hold, ...]:
        return ()


class House:
    """The verbs over books in memory, with usage that is known; `checks` may be told at which call its process ends."""

    def __init__(self) -> None:
        """Two tenants that an earlier check limited, and nobody told of anything."""
        self.restrictions, self.register = FakeRestrictions(NAMES), FakeUsageRegister(NAMES)
        self.postman, self.effects = FakePostman(), FakeEffects()
        for name in ("eased", "gone"):
            order = RestrictionOrder(
                tenant_id=name,
                cause=Cause.OVERAGE,
                restriction=Restriction.NEW_REQUESTS_BLOCKED,
                reason="more was used before",
                case_id=f"usage-limits/{name}/2026-11-01",
                step="blocked-0",
            )
            self.restrictions.restrict(order, NOON)

    def checks(self, moment: int = 0) -> int:
        """One check and its letters, as the runbook has them done; answers how many moments there were to die at."""
        fate = Fate(moment)
        letters = Letters(self.postman, self.effects, cast(Any, Directory()), self.now)
        limits = UsageLimits(
            cast(Any, Mortal(self.restrictions, fate)),
            cast(Any, Mortal(KnownUsage(), fate)),
            cast(Any, Mortal(self.register, fate)),
            cast(Any, Mortal(Quiet(), fate)),
            letters,
            RecoveryLetters(letters, cast(Any, Directory())),
            LIMITS,
            self.now,
        )
        ActivityEnvironment().run(limits.check, LimitsOrder())
        ActivityEnvironment().run(limits.tell, LimitsOrder())
        return moment - fate.left

    def now(self) -> datetime:
        return NOON

    def outcome(self) -> tuple[dict[str, str], list[str], int]:
        """Everybody's service, every letter, and how many orders are on record."""
        letters = sorted(f"{one.letter.op_key}" for one in self.postman.mailbox)
        orders = sum(len(self.restrictions.history(name, 99)) for name in NAMES)
        return {name: self.restrictions.standing(name).in_words() for name in NAMES}, letters, orders


def test_a_check_that_dies_anywhere_and_is_done_again_ends_as_one_that_did_not() -> None:
    house = House()
    moments = house.checks()
    undisturbed = house.outcome()

    for moment in range(1, moments + 1):
        house = House()
        with pytest.raises(ProcessDiedError):
            house.checks(moment)
        house.checks()
        assert house.outcome() == undisturbed, f"it died at moment {moment} of {moments}"

    services, letters, orders = undisturbed
    assert services == {
        "below": "full service",
        "blocked": "new requests blocked (overage)",
        "eased": "full service",
        "gone": "full service",
        "review": "full service",
        "throttled": "limited to 50 % of the usual rate (overage)",
    }
    assert [key.partition("/letter/")[0].split("/")[1] for key in letters] == [
        *("below", "blocked", "eased", "gone", "review", "review", "throttled"),
    ]
    assert orders == 6
