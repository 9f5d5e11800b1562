"""How a dispute ends: which ending an outcome means, and which tickets never become a case."""

from billing.cases import Ending, OpenedCase
from billing.disputes import Resolution
from billing.proposals import Outcome

_ENDINGS = {
    Resolution.CUSTOMER_CORRECT: Ending.CREDITED,
    Resolution.PARTIAL: Ending.PARTIALLY_CREDITED,
    Resolution.BILLING_CORRECT: Ending.CONFIRMED,
}


def ending_of(outcome: Outcome) -> Ending:
    """The ending of a decided case; goodwill on a correct bill is still a confirmed bill."""
    return _ENDINGS[outcome.resolution]


def turned_away(case: OpenedCase) -> Ending | None:
    """Why a ticket is not investigated, or None when it is: resolved before, a twin of an open case, or unusable."""
    if case.closed_as:
        return Ending.ALREADY_CLOSED
    if case.duplicate_of:
        return Ending.DUPLICATE
    if case.problems:
        return Ending.NOT_ACCEPTED
    return None
