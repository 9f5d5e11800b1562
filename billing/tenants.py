"""Who is billed: the tenant, its tier, currency, zone and the people we write to."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from billing.money import Currency
from billing.periods import Span, ZoneName, service_span
from billing.spelling import Spelled


class Tier(StrEnum):
    """What a tenant pays for; it selects SLA clocks and severity (D2, D12)."""

    ENTERPRISE = "enterprise"
    PRO = "pro"
    FREE = "free"


class Collection(StrEnum):
    """How an invoice is paid: from the payment method on record, or by the customer on receipt."""

    CHARGE_AUTOMATICALLY = "charge_automatically"
    SEND_INVOICE = "send_invoice"


TenantId = Annotated[
    str, Spelled(r"[a-z0-9][a-z0-9-]{0,62}", "write the customer's id as it stands on the invoice, such as acme")
]
MeterName = Annotated[
    str, Spelled(r"[a-z][a-z0-9_]{0,62}", "write the meter's name as it stands on the invoice, such as api_calls")
]


class Tenant(BaseModel):
    """A paying customer account; `country` (ISO 3166) selects the holidays, `locale` (BCP 47) formats amounts.

    Its service periods begin at local midnight of the `anchor_day`.
    """

    model_config = ConfigDict(frozen=True)

    tenant_id: TenantId
    name: str
    tier: Tier
    currency: Currency
    zone: ZoneName
    country: str
    locale: str = "en-US"
    billing_email: str
    provider_customer_id: str | None = None
    anchor_day: Annotated[int, Field(ge=1, le=31)] = 1

    def service_period(self, month: str) -> Span:
        """The moments of the service period that is named after a billing month (B1)."""
        return service_span(month, self.zone, self.anchor_day)
