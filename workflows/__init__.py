"""The runbooks. Each is one durable workflow; this registry is what workers run and what tests replay."""

from workflows.dispute import Dispute

RUNBOOKS = [Dispute]

__all__ = ["RUNBOOKS"]
