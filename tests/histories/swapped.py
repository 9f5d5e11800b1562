"""A copy of the dispute runbook with two steps in the wrong order: what a careless change would look like."""

from temporalio import workflow

from billing.cases import Ending, Opening
from billing.closings import ending_of
from workflows.dispute import Dispute


@workflow.defn(name="dispute")
class SwappedDispute(Dispute):
    """Collects the evidence before it acknowledges the ticket."""

    @workflow.init
    def __init__(self, opening: Opening) -> None:
        super().__init__(opening)

    @workflow.run
    async def run(self, opening: Opening) -> Ending:
        return await super().run(opening)

    async def _procedure(self) -> Ending:
        evidence = await self._collect()
        await self._acknowledge()
        await self._triage()
        self.assessment = await self._analyse(evidence)
        self.proposed = await self._propose()
        return ending_of(self.proposed.outcome)
