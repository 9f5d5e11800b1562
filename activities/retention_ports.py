"""The ports of retention, beside `activities/ports.py` and under the same rules."""

from datetime import datetime
from typing import Protocol

from activities.ports import Heartbeat
from billing.policy.retention import RetentionPolicy
from billing.retention import Certified, Ending, PlanOnRecord, Progress, Purge, PurgeOrder


class DeletionQueue(Protocol):
    """Tenants whose time of retention is over. Nothing here deletes: people confirm a plan that names them first (P9)."""

    def await_deletion(self, tenant_id: str, since: datetime, case_id: str) -> None:
        """Hand a tenant over: its time of retention was over at `since`, says this case. One that waits already, or was
        spared after this case handed it over at that moment or a later one, stays as it is. Raises CONFLICT for a tenant
        that is not on record."""

    def waits(self, tenant_id: str) -> bool:
        """Whether the tenant was handed over and not taken back, or its deletion is under way."""

    def spare(self, tenant_id: str) -> bool:
        """Take a tenant back; True also when it was not waiting. False: its deletion has begun, and it is too late."""


class RetentionBook(Protocol):
    """Plans of what may be deleted for good, and the one way to carry out one that people approved (P9)."""

    def plan(self, order: PurgeOrder, policy: RetentionPolicy, heartbeat: Heartbeat) -> PlanOnRecord:
        """Count what would go and keep the plan; nothing is deleted. The same order again answers the first plan."""

    def propose(self, purge: Purge) -> str:
        """Freeze what a person confirmed, for another one to approve; answers its key. CONFLICT when somebody else has
        confirmed the plan before."""

    def begin(self, plan_id: str, heartbeat: Heartbeat) -> tuple[str, ...]:
        """Check the approvals, plan once more and let the deletion begin; answers whose, also when it has begun already.
        Raises NOT_APPROVED, and STALE_DECISION with what differs when the world is not the one that was planned for."""

    def carry_out(self, plan_id: str, batch: int, batches: int, heartbeat: Heartbeat) -> Progress:
        """Delete and redact at most `batches` times `batch` rows; called again it goes on. A hold on deletion that came in
        between stops what it covers."""

    def finish(self, plan_id: str, heartbeat: Heartbeat) -> Certified:
        """Count again what was to go, print the certificate, and put both and a line in the decision log on record; a
        second call answers the first certificate. Raises CONFLICT while there is work left."""

    def close(self, plan_id: str, ending: Ending) -> None:
        """Write down how its purge ended."""

    def find(self, plan_id: str) -> PlanOnRecord | None:
        """One on record."""

    def newest(self, limit: int) -> tuple[PlanOnRecord, ...]:
        """The latest plans."""
