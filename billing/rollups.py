"""What the validation of daily roll-ups against raw usage finds (D14)."""

from datetime import date
from decimal import Decimal

from pydantic import BaseModel, ConfigDict


class RollUpFinding(BaseModel):
    """A tenant's local day on which roll-up and raw events disagree, in units and in events."""

    model_config = ConfigDict(frozen=True)

    tenant_id: str
    meter: str
    day: date
    raw_quantity: Decimal
    rolled_quantity: Decimal
    raw_events: int
    rolled_events: int


def made_anew(first: date, last: date) -> str:
    """The command that makes the roll-ups of these days anew, both included."""
    return f"`runbooks usage rebuild --first {first} --last {last}`"
