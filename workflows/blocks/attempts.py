"""A cap on what is sent in vain: whoever writes straight into Temporal could grow a history without end."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from billing.failures import FailureCode
from billing.policy.disputes import ApprovalPolicy


class Attempts:
    """Remembers when each deed was attempted and did not pass, or is still being checked."""

    def __init__(self) -> None:
        self._in_vain: defaultdict[str, list[datetime]] = defaultdict(list)

    def refuse_beyond(self, policy: ApprovalPolicy, deed: str) -> None:
        """Reject, before history records anything, a further attempt once as many as answers to a question did not pass
        within the time after which a question climbs."""
        since = workflow.now() - policy.escalate_after
        recent = [moment for moment in self._in_vain.get(deed, ()) if moment > since]
        if len(recent) >= policy.refusals_at_most:
            again = recent[-policy.refusals_at_most] + policy.escalate_after
            raise ApplicationError(
                f"{policy.refusals_at_most} attempts to {deed} did not pass, and no more are taken before "
                f"{again:%Y-%m-%d %H:%M} UTC: read what they were refused for",
                type=FailureCode.CONFLICT,
            )

    @contextmanager
    def counted(self, deed: str) -> Iterator[None]:
        """An attempt; it was not in vain when nothing is raised within."""
        moment = workflow.now()
        self._in_vain[deed].append(moment)
        yield
        self._in_vain[deed].remove(moment)
