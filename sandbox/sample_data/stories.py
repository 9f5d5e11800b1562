"""The tickets of the demo: what the customers of the planted defects write, ready to be sent.

The billed amounts are those of the loaded invoices and the disputed ones follow from the planted defects; a test holds
both to the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from billing.disputes import Category
from billing.money import Money
from sandbox.sample_data.defects import PERIOD
from sandbox.sample_data.roster import TENANTS

# When the tickets were written; whoever sends one later sets `opened_at` to that moment.
OPENED_AT = "2026-11-04T09:00:00+00:00"


@dataclass(frozen=True)
class Story:
    """One ticket about one meter of October 2026; amounts in major units of the tenant's currency."""

    ticket_id: str
    tenant_id: str
    meter: str
    category: Category
    billed: str
    disputed: str
    subject: str
    description: str
    writer: str
    security_concern: bool = False


STORIES: tuple[Story, ...] = (
    Story(
        "T-4711",
        "quillmere",
        "api_calls",
        Category.USAGE_CALCULATION,
        billed="1351.09",
        disputed="38.00",
        subject="API calls counted twice on 14 October?",
        description=(
            "Our own logs show about 2,000 API calls less than your October invoice, all of them on the 14th between nine "
            "in the morning and five in the afternoon. Please check whether that day was counted twice."
        ),
        writer="Accounts payable",
    ),
    Story(
        "T-4712",
        "brackenfield",
        "speech_seconds",
        Category.SERVICE_QUALITY,
        billed="3080.24",
        disputed="950.00",
        subject="Transcription was down or slow several times in October",
        description=(
            "On the 14th transcription failed for almost two hours. There were more errors on the 6th and the 21st, and "
            "on the 27th answers took seconds the whole morning. We do not think that we should pay the full price."
        ),
        writer="Operations",
    ),
    Story(
        "T-4713",
        "feldmarkt",
        "gpu_seconds",
        Category.USAGE_CALCULATION,
        billed="450.28",
        disputed="90.00",
        subject="GPU-Sekunden im Oktober zu hoch",
        description=(
            "Die abgerechneten GPU-Sekunden passen nicht zu unserer Planung. Am 20. und 21. Oktober sehen wir etwa doppelt "
            "so viele wie erwartet, auch die nächtlichen Läufe davor kommen uns zu teuer vor."
        ),
        writer="Einkauf",
    ),
    Story(
        "T-4714",
        "kumosora",
        "tokens_out",
        Category.USAGE_CALCULATION,
        billed="320701",
        disputed="30000",
        subject="Generated tokens in October",
        description=(
            "We estimated about ten percent less for generated tokens in October. Could you confirm the quantity and "
            "explain the difference?"
        ),
        writer="Finance",
    ),
    Story(
        "T-4715",
        "ostrafell",
        "api_calls",
        Category.UNAUTHORIZED_USAGE,
        billed="2389.84",
        disputed="1150.00",
        subject="A key of ours was stolen",
        description=(
            "The key ostrafell-ci leaked in October; we reported it on the 20th. We do not recognise the calls from "
            "203.0.113.64/26, nor those that come from 192.0.2.128/25 at night. We did not authorise any of this usage."
        ),
        writer="Security",
        security_concern=True,
    ),
    Story(
        "T-4716",
        "tarnwick",
        "tokens_in",
        Category.USAGE_CALCULATION,
        billed="1022.62",
        disputed="28.00",
        subject="Embedded tokens on 16 October",
        description=(
            "By our count the embedded tokens of 16 October appear twice on the invoice, about four million too many."
        ),
        writer="Accounts payable",
    ),
)


def ticket(ticket_id: str) -> dict[str, Any]:
    """The ticket as the support desk sends it (billing.disputes.Ticket as JSON); KeyError for one that is not told."""
    story = {story.ticket_id: story for story in STORIES}[ticket_id]
    tenant = TENANTS[story.tenant_id]
    claimed = Money.of(story.billed, tenant.currency) - Money.of(story.disputed, tenant.currency)
    return {
        "ticket_id": story.ticket_id,
        "tenant_id": story.tenant_id,
        "period": PERIOD,
        "meters": [story.meter],
        "category": story.category.value,
        "claimed_amount": f"{claimed.major:f}",
        "billed_amount": story.billed,
        "currency": tenant.currency,
        "requester": {
            "name": f"{story.writer}, {tenant.name}",
            "email": tenant.billing_email,
        },
        "subject": story.subject,
        "description": story.description,
        "opened_at": OPENED_AT,
        "security_concern": story.security_concern,
    }


def tickets() -> list[dict[str, Any]]:
    """Every ticket of the demo, in the order it plays them."""
    return [ticket(story.ticket_id) for story in STORIES]
