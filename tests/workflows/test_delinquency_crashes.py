"""A step of the ladder whose process dies in the middle, while the debts move: what was begun is finished, nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from adapters.postgres.restrictions import PostgresRestrictions
from billing.access import AccessStanding, RestrictionOrder
from billing.failures import BillingFailure, FailureCode
from tests.fixtures.temporal import CaseClock
from tests.workflows.recovering import RecoveringDesk, a_recovering_desk

Meanwhile = Callable[[RecoveringDesk, str], None]


@dataclass
class LosingItsAnswer(PostgresRestrictions):
    """A register that limits, and whose first answer never arrives; `meanwhile` happens before anybody asks again."""

    engine: Engine
    meanwhile: Callable[[], None] = lambda: None
    answers: bool = False

    def __post_init__(self) -> None:
        super().__init__(self.engine)

    def restrict(self, order: RestrictionOrder, now: datetime) -> AccessStanding:
        standing = super().restrict(order, now)
        if not self.answers:
            self.answers = True
            self.meanwhile()
            raise BillingFailure(FailureCode.UNAVAILABLE, "the process ended here")
        return standing


def pays_part(desk: RecoveringDesk, older: str) -> None:
    desk.bank.is_paid_elsewhere(older, 100_00)


def pays_the_older(desk: RecoveringDesk, older: str) -> None:
    desk.bank.is_paid_elsewhere(older)


async def limited_while(
    engine: Engine, clock: CaseClock, files: Path, meanwhile: Meanwhile, days: float
) -> tuple[list[str], str]:
    """A customer with an old and a young debt; `meanwhile` happens right after it was limited. Answers what the customer
    was written about the service, and what it is so many days after the case began."""
    register = LosingItsAnswer(engine)
    async with a_recovering_desk(engine, clock, files, restrictions=register) as desk:
        older = desk.owes("310.00")
        desk.owes_more("20.00", ago=timedelta(days=-4))
        register.meanwhile = lambda: meanwhile(desk, older)
        case = await desk.takes_up()
        await case.days(days)
        return [one for one in await case.letters() if one.startswith("service")], case.service


async def test_a_limit_that_was_set_before_a_part_was_paid_stays_and_is_told_once(
    engine: Engine, case_clock: CaseClock, tmp_path: Path
) -> None:
    letters, service = await limited_while(engine, case_clock, tmp_path, pays_part, 9.5)

    assert (letters, service) == (["service_limited"], "rate_limited")


async def test_a_limit_that_was_set_before_the_oldest_debt_was_paid_is_lifted_and_comes_again_in_its_own_time(
    engine: Engine, case_clock: CaseClock, tmp_path: Path
) -> None:
    letters, service = await limited_while(engine, case_clock, tmp_path, pays_the_older, 13.5)

    assert (letters, service) == (["service_limited", "service_eased", "service_limited"], "rate_limited")
