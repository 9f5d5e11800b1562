"""What the letter about the payment provider's events says: facts only, the sentences are in the template."""

from datetime import datetime, timedelta

from billing.emails import HandedOver
from billing.provider_events import CASE_ID
from billing.wording import counted


def parked(number: int) -> HandedOver:
    """To engineering: so many events could not be worked through by themselves; each says why where it is listed."""
    return HandedOver(
        case_id=CASE_ID,
        step="work through Stripe's events",
        what_happened=f"{counted(number, 'event')} could not be worked through, and what they tell of may be missing",
        what_to_do=(
            "See why with: runbooks events list --state parked. Once the cause is repaired: "
            "runbooks events retry --parked --reason ..."
        ),
    )


def is_due(parked_now: int, written_at: datetime | None, now: datetime, every: timedelta) -> bool:
    """Whether people are to be written to about what is parked: at once, and again each time `every` has gone by."""
    return parked_now > 0 and (written_at is None or now - written_at >= every)
