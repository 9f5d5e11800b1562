"""A runbook that notices dead workers soon: in production a lost attempt is given up after minutes, here after seconds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.worker import (
    Interceptor,
    StartActivityInput,
    StartChildWorkflowInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

# Enough for one case's step; work on many tenants at once says how long it takes.
ONE_TRY = timedelta(seconds=3)
# A workflow task that died with its worker is given to the next one after this long; short activities run within it.
TASK_TIMEOUT = timedelta(seconds=2)
# Spaced by less, a try that is only slow would be overtaken again and again.
BETWEEN_TRIES = RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=2))


class Impatient(Interceptor):
    """Shortens how long one try of an activity may take, and the wait before the next."""

    def __init__(self, one_try: timedelta = ONE_TRY) -> None:
        self._inbound = type("_Inbound", (_Inbound,), {"one_try": one_try})

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        return self._inbound


class _Inbound(WorkflowInboundInterceptor):
    one_try = ONE_TRY

    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_Outbound(outbound, self.one_try))


class _Outbound(WorkflowOutboundInterceptor):
    def __init__(self, next: WorkflowOutboundInterceptor, one_try: timedelta) -> None:
        super().__init__(next)
        self._one_try = one_try

    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:
        input.start_to_close_timeout = self._one_try
        input.retry_policy = BETWEEN_TRIES
        return super().start_activity(input)

    async def start_child_workflow(self, input: StartChildWorkflowInput) -> workflow.ChildWorkflowHandle[Any, Any]:
        input.task_timeout = TASK_TIMEOUT
        return await super().start_child_workflow(input)
