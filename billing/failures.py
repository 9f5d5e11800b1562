"""What can go wrong, named once: activities raise it, the boundary translates it, runbooks match on the code."""

from enum import StrEnum


class FailureCode(StrEnum):
    """Names that cross into Temporal as the error type; renaming one changes the meaning of running cases."""

    NOT_FOUND = "not_found"
    INVALID = "invalid"
    CONFLICT = "conflict"
    STALE_DECISION = "stale_decision"
    NOT_APPROVED = "not_approved"
    PROVIDER_REFUSED = "provider_refused"
    OUTCOME_UNKNOWN = "outcome_unknown"
    KEY_SPENT = "key_spent"  # the provider stored a 500 under this key and will repeat it for as long as the key lives
    PROVIDER_BUSY = "provider_busy"
    UNAVAILABLE = "unavailable"


# Trying the same thing again cannot help with these: the runbook decides what happens next.
FINAL = frozenset(
    {
        FailureCode.NOT_FOUND,
        FailureCode.INVALID,
        FailureCode.CONFLICT,
        FailureCode.STALE_DECISION,
        FailureCode.NOT_APPROVED,
        FailureCode.PROVIDER_REFUSED,
    }
)


class BillingFailure(Exception):  # noqa: N818 - a failure is the domain's word; errors are Python's
    """A named failure with one sentence for us; it never holds a secret, a card number or a letter's text."""

    def __init__(self, code: FailureCode, for_us: str) -> None:
        super().__init__(for_us)
        self.code = code
        self.for_us = for_us

    @property
    def final(self) -> bool:
        """Whether repeating the same attempt is pointless."""
        return self.code in FINAL
