"""The register of alerts and caps in memory, under the rules of the port."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from billing.failures import BillingFailure, FailureCode
from billing.overage import CapOrder, UsageAlert, covered_by_another

Key = tuple[object, ...]


class FakeUsageRegister:
    """Satisfies `UsageRegister` for the tenants and meters it was given."""

    def __init__(self, tenants: Sequence[str] = ("acme",), meters: Sequence[str] = ("api_calls",)) -> None:
        self._known = {"tenant": tenants, "meter": meters}
        self._alerts: dict[Key, UsageAlert] = {}
        self._told: set[Key] = set()
        self._caps: dict[tuple[str, str], CapOrder] = {}

    def record(self, alerts: Sequence[UsageAlert], now: datetime) -> int:
        by_key = {_key(alert): alert for alert in alerts}
        new = [by_key[key] for key in sorted(by_key, key=str) if key not in self._alerts]
        self._alerts |= {_key(alert): alert for alert in new}
        covered = covered_by_another(new)
        self._told |= {_key(alert) for alert in covered}
        return len(new) - len(covered)

    def untold(self, count: int) -> tuple[UsageAlert, ...]:
        return tuple([alert for key, alert in self._alerts.items() if key not in self._told][:count])

    def told(self, alert: UsageAlert, now: datetime) -> None:
        self._told.add(_key(alert))

    def cap(self, order: CapOrder, now: datetime) -> None:
        for word, wanted in (("tenant", order.tenant_id), ("meter", order.meter)):
            if wanted not in self._known[word]:
                raise BillingFailure(FailureCode.NOT_FOUND, f"there is no {word} {wanted} to cap")
        self._caps[order.tenant_id, order.meter] = order

    def caps(self, tenant_id: str) -> tuple[CapOrder, ...]:
        return tuple(self._caps[key] for key in sorted(self._caps) if key[0] == tenant_id)


def _key(alert: UsageAlert) -> Key:
    return alert.tenant_id, alert.kind.value, alert.meter, alert.period, alert.mark
