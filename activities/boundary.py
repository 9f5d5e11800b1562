"""The one translator of failures between activities and Temporal, and the log line each attempt leaves."""

from typing import Any

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from billing.failures import BillingFailure, FailureCode

log = structlog.get_logger("activities")

# Long provider messages would bloat histories; nobody reads past this.
LONGEST_MESSAGE = 2_000


class FailureBoundary(Interceptor):
    """Worker interceptor: a `BillingFailure` becomes an `ApplicationError` whose type is its code and one warning in the
    log; what nobody foresaw passes through, and the SDK logs its traceback."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Called once by the SDK, when a worker is made."""
        return _Translating(next)


def _count(activity_type: str, code: FailureCode) -> None:
    """Failures by activity and code, beside the SDK's own metrics (P6)."""
    meter = activity.metric_meter().with_additional_attributes({"activity": activity_type, "code": code.value})
    meter.create_counter("runbooks_activity_failures", "Failures of activities by our own codes").add(1)


class _Translating(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        info = activity.info()
        words = {"case_id": info.workflow_id, "activity": info.activity_type, "attempt": info.attempt}
        try:
            result = await super().execute_activity(input)
        except BillingFailure as failure:
            why = failure.for_us[:LONGEST_MESSAGE]
            _count(info.activity_type, failure.code)
            log.warning("activity failed", **words, code=failure.code.value, why=why)
            # Benign means to the SDK: told already. It neither logs the traceback nor counts it as a defect of ours.
            raise ApplicationError(
                why, type=failure.code.value, non_retryable=failure.final, category=ApplicationErrorCategory.BENIGN
            ) from failure
        log.info("activity done", **words)
        return result
