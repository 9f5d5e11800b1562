"""Lanes: task queues of their own beside the workers', for work whose pace is kept for all workers together."""

# Calls to the payment provider about one case's money, and the documents of a month end.
PAYMENTS_LANE = "payments"
INVOICES_LANE = "invoices"
# Work on many tenants at once, few at a time for each worker, so that cases get on beside it.
BULK_LANE = "bulk"


def lane_queue(task_queue: str, lane: str) -> str:
    """The name of a lane's task queue beside the workers' own."""
    return f"{task_queue}-{lane}"
