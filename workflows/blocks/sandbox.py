"""How workflow code is isolated: once, for workers and for replay alike."""

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import _Definition

# Rules and activity signatures are passed through: they are pure, and re-importing them per case costs 60 ms each.
PASSED_THROUGH = ("billing", "activities", "structlog")

_TRIED: set[type] = set()


class _TriedOnce(SandboxedWorkflowRunner):
    """Whether a runbook can be imported in isolation is tried once a process, not for every worker in it."""

    def prepare_workflow(self, defn: _Definition) -> None:
        if defn.cls not in _TRIED:
            super().prepare_workflow(defn)
            _TRIED.add(defn.cls)


def sandboxed_runner() -> SandboxedWorkflowRunner:
    """The runner every Worker and every Replayer of this project uses."""
    return _TriedOnce(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH))
