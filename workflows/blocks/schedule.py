"""What a schedule adds to the workflows it starts."""

from datetime import datetime

from temporalio import workflow
from temporalio.common import SearchAttributeKey

_SCHEDULED_AT = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")


def nominal_time() -> datetime:
    """When the schedule meant this workflow to start, so that a late, caught-up or backfilled start does the work of its own
    day; started by hand, now."""
    return workflow.info().typed_search_attributes.get(_SCHEDULED_AT) or workflow.now()
