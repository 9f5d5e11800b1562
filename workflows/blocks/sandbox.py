"""How workflow code is isolated: once, for workers and for replay alike."""

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

# Rules and activity signatures are passed through: they are pure, and re-importing them per case costs 60 ms each.
PASSED_THROUGH = ("billing", "activities", "structlog")


def sandboxed_runner() -> SandboxedWorkflowRunner:
    """The runner every Worker and every Replayer of this project uses."""
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH))
