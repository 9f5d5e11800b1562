"""Was the service as good as promised? Hours in breach of the tier's thresholds, and the part of the charge they give back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from billing.evidence import QualityWindow, UsageFacts
from billing.findings import Finding, FindingKind
from billing.periods import Span
from billing.policy.detection import QualityPolicy, QualityThreshold
from billing.tenants import Tier
from billing.wording import listed, percent, stretch, written

_HOUR = timedelta(hours=1)
_WINDOWS_NAMED = 5


@dataclass(frozen=True)
class _Breach:
    """An unbroken stretch of windows in breach, with everything that was wrong in it."""

    span: Span
    wrongs: tuple[str, ...]

    def __str__(self) -> str:
        return f"{stretch(self.span)} ({listed(self.wrongs)})"


def findings(facts: UsageFacts, meters: Sequence[str], tier: Tier, policy: QualityPolicy) -> list[Finding]:
    """One finding a meter when the service fell short, none when it did not; undecided when there is nothing to measure.

    The share of the charge to give back follows from the breached time as a share of the whole period.
    """
    judged = [window for window in facts.quality if window.outage or window.requests >= policy.minimum_requests]
    if not judged:
        return [_unmeasured(meter) for meter in meters]
    breaches = _merged(judged, policy.thresholds[tier])
    if not breaches:
        return []
    breached = sum((breach.span.length for breach in breaches), timedelta(0))
    share = policy.share_for(_share(breached, facts.period.length))
    told = _told(breaches, breached, facts, tier)
    return [_fell_short(meter, told, share) for meter in meters]


def _merged(windows: Iterable[QualityWindow], threshold: QualityThreshold) -> list[_Breach]:
    breaches: list[_Breach] = []
    for window in sorted(windows, key=lambda window: window.span.start):
        wrongs = _wrongs(window, threshold)
        if not wrongs:
            continue
        if breaches and window.span.start <= breaches[-1].span.end:
            last = breaches.pop()
            span = Span(start=last.span.start, end=max(last.span.end, window.span.end))
            breaches.append(_Breach(span=span, wrongs=tuple(dict.fromkeys((*last.wrongs, *wrongs)))))
        else:
            breaches.append(_Breach(span=window.span, wrongs=wrongs))
    return breaches


def _wrongs(window: QualityWindow, threshold: QualityThreshold) -> tuple[str, ...]:
    """What exceeded its threshold in a window; a value exactly at the threshold keeps the promise."""
    measured = {
        "outage": window.outage,
        f"more than {percent(threshold.error_rate)} errors": window.errors > threshold.error_rate * window.requests,
        f"p95 above {threshold.p95_ms:,} ms": window.p95_ms > threshold.p95_ms,
        f"p99 above {threshold.p99_ms:,} ms": window.p99_ms > threshold.p99_ms,
    }
    return tuple(wrong for wrong, exceeded in measured.items() if exceeded)


def _share(part: timedelta, whole: timedelta) -> Decimal:
    return Decimal(part // timedelta(seconds=1)) / Decimal(whole // timedelta(seconds=1))


def _hours(length: timedelta) -> str:
    return written(round(_share(length, _HOUR), 2))


def _told(breaches: Sequence[_Breach], breached: timedelta, facts: UsageFacts, tier: Tier) -> str:
    hours, period = _hours(breached), _hours(facts.period.length)
    share = percent(_share(breached, facts.period.length))
    sentence = (
        f"fell short of what the {tier} tier is promised in {hours} of the period's {period} hours ({share}): "
        f"{listed([str(breach) for breach in breaches], at_most=_WINDOWS_NAMED)}."
    )
    return f"{sentence} {_overall(facts.quality_overall)}" if facts.quality_overall else sentence


def _overall(whole: QualityWindow) -> str:
    failed = percent(Decimal(whole.errors) / whole.requests if whole.requests else Decimal(0))
    return (
        f"Over the whole period {failed} of {whole.requests:,} requests failed; 50 % were answered within "
        f"{whole.p50_ms:,} ms, 95 % within {whole.p95_ms:,} ms and 99 % within {whole.p99_ms:,} ms."
    )


def _fell_short(meter: str, told: str, share: Decimal) -> Finding:
    given = f"{percent(share)} of its charge is given back." if share else "This is too short for a credit."
    return Finding(
        kind=FindingKind.QUALITY_BREACH,
        meter=meter,
        statement=f"The service behind {meter} {told} {given}",
        share_of_charge=share,
    )


def _unmeasured(meter: str) -> Finding:
    return Finding(
        kind=FindingKind.QUALITY_BREACH,
        meter=meter,
        statement=f"Too few requests are on record to measure the service behind {meter}; a person has to judge it.",
        conclusive=False,
    )
