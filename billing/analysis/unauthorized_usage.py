"""Did somebody else use the customer's keys? Each key and network against its own past (D5).

Stolen, as far as the facts go: a network never seen before, and either the key was reported or its use jumped and came
off-hours or after failed authentications. A reported key on a network it has always used from is its owner at work.
"""

from __future__ import annotations

from collections.abc import Sequence

from billing.evidence import KeyUsage, UsageFacts
from billing.findings import Finding, FindingKind
from billing.policy.detection import UsagePolicy
from billing.wording import counted, listed, percent, stretch, units, written

# A single sign is everyday life: a new office, a night job, a mistyped key.
_SIGNS_OF_SUSPICION = 2


def findings(facts: UsageFacts, meters: Sequence[str], policy: UsagePolicy) -> list[Finding]:
    """Stolen (conclusive) and suspicious (a person must judge) uses of `meters`; their excess is all of that use."""
    unattributed = [meter for meter in meters if not any(usage.meter == meter for usage in facts.key_usage)]
    used = [usage for usage in facts.key_usage if usage.meter in meters and usage.quantity > 0]
    judged = [finding for usage in used if (finding := _judged(usage, policy))]
    return [*judged, *(_nobody_knows(meter) for meter in unattributed)]


def _judged(usage: KeyUsage, policy: UsagePolicy) -> Finding | None:
    signs = _signs(usage, policy)
    if _stolen(usage, policy):
        kind, verdict = FindingKind.COMPROMISED_KEY, "was used by somebody else"
    elif len(signs) >= _SIGNS_OF_SUSPICION:
        kind, verdict = FindingKind.SUSPICIOUS_KEY, "may have been used by somebody else"
    else:
        return None
    return Finding(
        kind=kind,
        meter=usage.meter,
        statement=(
            f"API key {usage.api_key_id} {verdict} for {units(usage.quantity)} of {usage.meter} from {usage.network}, "
            f"{stretch(usage.active)}: {listed(signs)}."
        ),
        conclusive=kind is FindingKind.COMPROMISED_KEY,
        excess_quantity=usage.quantity,
        rows=usage.rows,
    )


def _stolen(usage: KeyUsage, policy: UsagePolicy) -> bool:
    abused = _spiked(usage, policy) and (_off_hours(usage, policy) or _guessed(usage, policy))
    return usage.first_seen_network and (usage.reported_compromised or abused)


def _signs(usage: KeyUsage, policy: UsagePolicy) -> list[str]:
    signs = {
        "the key was reported as compromised": usage.reported_compromised,
        "the network had never been seen before": usage.first_seen_network,
        _jump(usage): _spiked(usage, policy),
        f"{percent(usage.off_hours_share)} of it fell outside working hours": _off_hours(usage, policy),
        f"{counted(usage.failed_authentications, 'failed authentication')} came with it": _guessed(usage, policy),
    }
    return [sign for sign, seen in signs.items() if seen]


def _jump(usage: KeyUsage) -> str:
    # An average: decimals beyond the first would only look exact.
    peak, ordinary = written(usage.peak_daily_quantity), written(round(usage.baseline_daily_quantity, 1))
    return f"its busiest day took {peak} against {ordinary} on an ordinary day"


def _spiked(usage: KeyUsage, policy: UsagePolicy) -> bool:
    return usage.peak_daily_quantity >= policy.spike_factor * usage.baseline_daily_quantity


def _off_hours(usage: KeyUsage, policy: UsagePolicy) -> bool:
    return usage.off_hours_share >= policy.off_hours_share


def _guessed(usage: KeyUsage, policy: UsagePolicy) -> bool:
    return usage.failed_authentications >= policy.failed_authentications


def _nobody_knows(meter: str) -> Finding:
    return Finding(
        kind=FindingKind.SUSPICIOUS_KEY,
        meter=meter,
        statement=f"No record tells which API key used {meter} in the period; a person has to look at its usage.",
        conclusive=False,
    )
