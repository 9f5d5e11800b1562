"""Usage on its way into Postgres: set-wise, once by event id, and nothing lost: what cannot be usage is set aside."""

from adapters.postgres.usage_intake.intake import STATEMENT_TIMEOUT, UsageIntake
from adapters.postgres.usage_intake.quarantine import Quarantine

__all__ = ["STATEMENT_TIMEOUT", "Quarantine", "UsageIntake"]
