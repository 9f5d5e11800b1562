"""The dispute guide quotes the policy: each figure in it is the one in force."""

from datetime import timedelta
from decimal import Decimal

from billing.letters import budget_in_words
from billing.policy.standard import STANDARD
from billing.tenants import Tier
from tests.architecture.guides import HERE, as_one_line

PAGE = (HERE / "docs" / "runbooks" / "dispute.md").read_text()
SENTENCES = as_one_line(PAGE)


def untold(sentences: list[str]) -> list[str]:
    return [sentence for sentence in sentences if sentence not in SENTENCES]


def words(duration: timedelta) -> str:
    """A duration as the guide writes it: days beyond two, else hours, else minutes."""
    for unit, name in ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute")):
        if duration % unit == timedelta(0) and (name != "day" or duration > 2 * unit):
            return f"{duration // unit} {name}{'' if duration == unit else 's'}"
    raise ValueError(f"{duration} has seconds")


def percent(share: Decimal) -> str:
    return f"{(100 * share).normalize():f} %"


def test_the_clocks_of_each_tier() -> None:
    columns = [STANDARD.sla.budgets(tier) for tier in (Tier.ENTERPRISE, Tier.PRO, Tier.FREE)]

    rows = [f"| {name} | {' | '.join(budget_in_words(column[name]) for column in columns)} |" for name in columns[0]]
    first = [budget_in_words(STANDARD.sla.commitments[tier].initial_response) for tier in Tier]

    assert not [row for row in rows if row not in PAGE]
    assert not untold([f"initial response of {first[0]}, {first[1]} and {first[2]}"])


def test_triage_and_updates() -> None:
    sla, disputes = STANDARD.sla, STANDARD.disputes

    said = [
        f"version {STANDARD.version}",
        f"high from ${disputes.high_from.major:.0f} disputed, normal from ${disputes.normal_from.major:.0f}",
        f"more than ${disputes.escalate_above.major:,.0f} are disputed",
        f"{disputes.pattern_tenants} customers contested the same meter for the same reason "
        f"within {disputes.pattern_window.days} days",
        f"At {percent(sla.warn_at)} of a budget",
        f"hears from us every {words(sla.update_every)}",
    ]

    assert not untold(said)


def test_who_must_agree() -> None:
    credits, waits = STANDARD.credits, STANDARD.approvals
    agent, lead = credits.agent_limit.major, credits.lead_limit.major
    rates = ", ".join(f"{currency} {rate:f}" for currency, rate in sorted(credits.units_per_reference.items()))

    said = [
        f"credits of the last {credits.window.days} days",
        f"({rates} to the dollar)",
        f"| up to ${agent:.0f} |",
        f"| up to ${lead:.0f} |",
        f"| above ${lead:.0f} |",
        f"deny more than ${agent:.0f} of the claim",
        f"repeated every {words(waits.remind_every)}, climbs to the next role after {words(waits.escalate_after)}",
        f"expires after {words(waits.expire_after)}",
        f"After {waits.refusals_at_most} answers to one question",
        f"After {waits.refusals_at_most} attempts to judge",
        f"that did not pass within {words(waits.escalate_after)}",
        f"A credit above ${credits.corrected_invoice_above.major:.0f} makes",
        f"at most ${credits.goodwill_limit.major:.0f}, only when the bill is right",
    ]

    assert not untold(said)


def test_what_the_evidence_can_show() -> None:
    usage, quality = STANDARD.usage, STANDARD.quality
    lowest, *higher = quality.credits

    said = [
        f"last {usage.baseline_days} days",
        f"jumped {usage.spike_factor}-fold",
        f"{percent(usage.off_hours_share)} off-hours use ({usage.off_hours_from:%H:%M} to {usage.off_hours_until:%H:%M})",
        f"{usage.failed_authentications} failed log-ins",
        f"at least {quality.minimum_requests} requests",
        f"from {percent(lowest.breached_share)} of the month on give {percent(lowest.share_of_charge)}",
        *(f"from {percent(step.breached_share)} on {percent(step.share_of_charge)}" for step in higher),
        *(
            f"| {tier} | {percent(one.error_rate)} | {one.p95_ms:,} ms | {one.p99_ms:,} ms |"
            for tier, one in quality.thresholds.items()
        ),
    ]

    assert not untold(said)


def test_how_long_silence_and_doubt_are_waited_for() -> None:
    disputes = STANDARD.disputes
    first, second = map(words, disputes.remind_customer_after)
    soon, later, *daily = STANDARD.provider.look_up_after

    said = [
        f"again after {first} and {second}",
        f"after {words(disputes.close_unanswered_after)} the case closes",
        f"looked up after {words(soon)}, {words(later)} and then daily {len(daily)} times",
    ]

    assert not untold(said)
    assert set(daily) == {timedelta(days=1)}
