"""The ports of retention, beside `activities/ports.py` and under the same rules."""

from datetime import datetime
from typing import Protocol


class DeletionQueue(Protocol):
    """Tenants whose time of retention is over. Nothing here deletes: people confirm a plan that names them first (P9)."""

    def await_deletion(self, tenant_id: str, since: datetime, case_id: str) -> None:
        """Hand a tenant over: its time of retention was over at `since`, says this case. One that waits already, or that
        this case handed over before, stays as it is. Raises CONFLICT for a tenant that is not on record."""

    def spare(self, tenant_id: str) -> bool:
        """Take a tenant back; True also when it was not waiting. False: its deletion has begun, and it is too late."""
