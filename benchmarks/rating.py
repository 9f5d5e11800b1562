"""How long a usage line and a whole bill take in pure Python, against the same arithmetic in decimals.

    python -m benchmarks.rating [--rounds N]

Every way rates the same quantities and must come to the same sum before anything is measured. The table is printed and
written to `benchmarks/results/rating.md`.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from pathlib import Path

from benchmarks.rounds import Duel, machine, play, table
from billing.contracts import PercentDiscount, RecurringFee, Tax, Terms
from billing.invoicing import bill
from billing.periods import service_days
from billing.prices import MeterPrice, PriceTier, Scheme
from billing.rate_cards import MICRO, plain
from billing.segments import Segment

RESULTS = Path(__file__).parent / "results" / "rating.md"
NOVEMBER = service_days("2026-11")
LINES, TENANTS, METERS = 50_000, 2_000, 8
# At least 2.5 times as fast as decimals.
GOAL = 0.4
# Everything else on a bill included: fees, discounts, tax and the lines themselves.
BILL_GOAL = 1.5


def main() -> None:
    """Measure, print the report and keep it under `results/`."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=7, help="how often every contender takes its turn")
    report = measured(arguments.parse_args().rounds)
    print(report)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(report)


def measured(rounds: int) -> str:
    """The report in Markdown."""
    chance = random.Random(2026)
    used = [chance.randrange(3_000_000 * MICRO) for _ in range(LINES)]
    lines = [_line_duel(price, used) for price in (simple(), graduated(), volume(), packages())]
    tenants, usage = _Tenants.of(chance), f"a bill: {METERS} graduated meters, fee, discount, tax"
    bills = Duel(usage, "its eight usage lines alone in decimals", BILL_GOAL, tenants.by_decimals, tenants.bills)
    for duel in (*lines, bills):
        duel.warm_up()
    play([*lines, bills], rounds)
    rows = [_row(duel, LINES) for duel in lines] + [_row(bills, TENANTS)]
    heads = ["ours", "against", "against it, best", "ours, best", "ratio, median", "goal"]
    return (
        f"# Rating\n\n{machine()}; {rounds} interleaved rounds after one to warm up, equal sums asserted first; "
        f"{LINES:,} lines or {TENANTS:,} bills a turn, times are for one.\n\n{table(heads, rows)}\n"
    )


def _line_duel(price: MeterPrice, used: Sequence[int]) -> Duel:
    card, quantities = price.card, [plain(quantity) for quantity in used]

    def whole_numbers() -> int:
        return sum(card.charge(quantity) for quantity in used)

    def decimals() -> int:
        return sum(by_decimals(price, quantity) for quantity in quantities)

    assert whole_numbers() == decimals()
    many = f"{len(price.tiers)} tiers" if len(price.tiers) > 1 else "1 tier"
    return Duel(f"a line: {price.scheme}, {many}", "decimals", GOAL, _unheard(decimals), _unheard(whole_numbers))


def _row(duel: Duel, many: int) -> list[str]:
    bare, ours = (min(timing.wall for timing in turns) * 1e6 / many for turns in zip(*duel.timings, strict=True))
    goal = f"≤ {duel.goal:g}×"
    return [duel.name, duel.against, f"{bare:.2f} µs", f"{ours:.2f} µs", f"{duel.wall_ratio:.2f}×", goal]


def _unheard(way: Callable[[], int]) -> Callable[[], None]:
    def turn() -> None:
        way()

    return turn


def by_decimals(price: MeterPrice, quantity: Decimal) -> int:
    """The same charge as anybody would write it: decimals, tier by tier, rounded half up at the end."""
    left = max(quantity - price.included, Decimal(0))
    if price.package_size:
        left = (left / price.package_size).to_integral_value(ROUND_CEILING)
    charge, lower = Decimal(0), Decimal(0)
    for tier in price.tiers:
        if left <= lower:
            break
        if price.scheme is Scheme.VOLUME:
            if tier.up_to is None or left <= tier.up_to:
                charge = left * tier.unit_amount + tier.flat_minor
                break
            continue
        upper = left if tier.up_to is None else min(left, tier.up_to)
        charge += (upper - lower) * tier.unit_amount + tier.flat_minor
        lower = upper
    return int(charge.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def simple() -> MeterPrice:
    """One price for every unit."""
    return _price(Scheme.GRADUATED, (None, "0.12"))


def graduated(meter: str = "api_calls") -> MeterPrice:
    """An allowance and three tiers."""
    return _price(Scheme.GRADUATED, ("100000", "0.2"), ("1000000", "0.15"), (None, "0.1"), included="1000", meter=meter)


def volume() -> MeterPrice:
    """Three tiers, one of which prices every unit."""
    return _price(Scheme.VOLUME, ("100000", "0.2"), ("1000000", "0.15"), (None, "0.1"))


def packages() -> MeterPrice:
    """Packages of a thousand in two tiers."""
    return _price(Scheme.PACKAGES, ("100", "200"), (None, "150"), package_size="1000")


def _price(scheme: Scheme, *tiers: tuple[str | None, str], meter: str = "api_calls", **more: str) -> MeterPrice:
    return MeterPrice(
        meter=meter,
        scheme=scheme,
        tiers=tuple(PriceTier(up_to=up_to and Decimal(up_to), unit_amount=Decimal(each)) for up_to, each in tiers),
        **{name: Decimal(value) for name, value in more.items()},
    )


@dataclass(frozen=True)
class _Tenants:
    """Tenants under the same terms with their usage of a month."""

    covered: tuple[Segment, ...]
    usage: Sequence[dict[str, int]]

    @classmethod
    def of(cls, chance: random.Random) -> _Tenants:
        prices = tuple(graduated(f"meter_{number}") for number in range(METERS))
        terms = Terms(
            currency="USD",
            fees=(RecurringFee(name="Platform", amount_minor=100_00),),
            prices=prices,
            discounts=(PercentDiscount(name="Loyalty", percent=Decimal(10)),),
            tax=Tax(name="VAT", rate=Decimal("0.19")),
        )
        usage = [{price.meter: chance.randrange(3_000_000 * MICRO) for price in prices} for _ in range(TENANTS)]
        return cls((Segment(days=NOVEMBER, active_days=NOVEMBER.days, terms=terms),), usage)

    def bills(self) -> None:
        for used in self.usage:
            bill(self.covered, NOVEMBER, [used])

    def by_decimals(self) -> None:
        prices = self.covered[0].terms.prices
        for used in self.usage:
            for price in prices:
                by_decimals(price, plain(used[price.meter]))


if __name__ == "__main__":
    main()
