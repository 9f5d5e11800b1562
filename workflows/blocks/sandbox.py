"""How workflow code is isolated: once, for workers and for replay alike.

Temporal's own runner imports a runbook and its blocks anew for every case, which takes several times the memory and the
time that a case needs to begin. Here the cases of a runbook share one isolated copy in a process: clocks, chance, files
and threads are refused to all of its code as before. What is lost is a copy of module variables for each case; a test of
the house holds that runbooks have none that change.
"""

import threading
from functools import cache
from types import CodeType
from typing import Any, cast

from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.worker.workflow_sandbox._importer import Importer
from temporalio.worker.workflow_sandbox._restrictions import RestrictionContext
from temporalio.worker.workflow_sandbox._runner import _Instance

# Rules and activity signatures are passed through: they are pure, and the activities need their types.
PASSED_THROUGH = ("billing", "activities", "structlog")
_RESTRICTIONS = SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)


class _ByThread(RestrictionContext, threading.local):
    """Whether workflow code runs right now: cases that share a copy are at work in several threads at once."""


@cache
def _copy_of(module: str) -> Importer:
    """What imports a runbook's module in isolation, and keeps what it imported."""
    return Importer(_RESTRICTIONS, _ByThread(), workflow_module_name=module)


@cache
def _compiled(code: str) -> CodeType:
    return compile(code, "<sandbox>", "exec")


class _Case(_Instance):
    """One case, over the copy of its runbook."""

    def __init__(self, details: WorkflowInstanceDetails, runner: type[WorkflowRunner]) -> None:
        # Instead of the base's, which makes a copy of its own; the attributes are the same.
        self.instance_details = details
        self.runner_class = runner
        self.importer = _copy_of(self._workflow_module_name())
        self.globals_and_locals = {"__file__": "workflow_sandbox.py"}
        self._current_thread_id = None
        self._create_instance()

    def _run_code(self, code: str, **extra_globals: Any) -> None:
        super()._run_code(cast(str, _compiled(code)), **extra_globals)


class _SharingRunner(SandboxedWorkflowRunner):
    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        return _Case(det, self.runner_class)


def sandboxed_runner() -> SandboxedWorkflowRunner:
    """The runner every Worker and every Replayer of this project uses."""
    return _SharingRunner(restrictions=_RESTRICTIONS)
