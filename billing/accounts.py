"""A customer as the books keep it, and what may be changed of it: never what its past invoices rest on."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from billing.contracts import Contract, Terms
from billing.failures import BillingFailure, FailureCode
from billing.periods import local_day
from billing.spelling import KEPT, Spelled
from billing.tenants import Collection, Tenant, TenantId, Tier

Words = Annotated[str, KEPT, StringConstraints(strip_whitespace=True, min_length=1, max_length=400)]
Email = Annotated[str, Spelled(r"[^\s@<>,;]+@[^\s@<>,;]+", "write one address, such as billing@acme.example")]
Country = Annotated[str, Spelled(r"[A-Z]{2}", "write the country's two capitals, such as DE")]
LocaleTag = Annotated[str, Spelled(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", "write a locale such as de-DE")]
EntityId = Annotated[str, Spelled(r"[a-z0-9][a-z0-9-]{0,62}", "write the id of one of our companies, such as main")]
ProviderId = Annotated[str, Spelled(r"[A-Za-z0-9_]{1,64}", "write the id as the payment provider shows it")]


class Subject(StrEnum):
    """What a change of an account is about."""

    CUSTOMER = "customer"
    CONTRACT = "contract"


class Customer(Tenant):
    """A tenant with what its documents print and how it pays; `legal_entity_id` is the company of ours that bills it."""

    billing_email: Email
    country: Country
    locale: LocaleTag = "en-US"
    legal_entity_id: EntityId | None = None
    address: Words | None = None
    tax_id: Words | None = None
    collection: Collection = Collection.CHARGE_AUTOMATICALLY
    payment_method_id: ProviderId | None = None


class CustomerChange(BaseModel):
    """New values; what is not set stays. Id, currency, zone and anchor day never change: issued invoices rest on them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Words | None = None
    tier: Tier | None = None
    billing_email: Email | None = None
    address: Words | None = None
    tax_id: Words | None = None
    country: Country | None = None
    locale: LocaleTag | None = None
    legal_entity_id: EntityId | None = None
    collection: Collection | None = None
    provider_customer_id: ProviderId | None = None
    payment_method_id: ProviderId | None = None

    def values(self) -> dict[str, Any]:
        """What is to be written, as the database takes it."""
        return self.model_dump(mode="json", exclude_none=True)


class Agreement(BaseModel):
    """Terms from the local day `first` on, before `end` (None: until other terms begin)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant_id: TenantId
    terms: Terms
    first: date
    end: date | None = None


class AccountChange(BaseModel):
    """One change on record: who changed what, why, and how it read before and after."""

    model_config = ConfigDict(frozen=True)

    at: AwareDatetime
    by: str
    tenant_id: TenantId
    subject: Subject
    name: str
    reason: Annotated[str, Field(min_length=1)]
    before: dict[str, Any] | None
    after: dict[str, Any]


def contract_id(tenant_id: str, first: date) -> str:
    """What a contract is called that begins on a local day."""
    return f"{tenant_id}-{first}"


def refuse_billed_days(first: date, billed_until: date | None) -> None:
    """Raises CONFLICT when days from `first` on are on an invoice already; `billed_until` is the first day that is not."""
    if billed_until is not None and first < billed_until:
        raise BillingFailure(
            FailureCode.CONFLICT,
            f"{first}: the days before {billed_until} are billed already; begin on {billed_until} or later, and correct "
            "what was billed with `runbooks invoice correct`",
        )


def refuse_other_currency(agreement: Agreement, currency: str) -> None:
    """Raises INVALID: a tenant is billed in one currency, for good."""
    if agreement.terms.currency != currency:
        raise BillingFailure(
            FailureCode.INVALID,
            f"currency {agreement.terms.currency}: {agreement.tenant_id} is billed in {currency}; write its terms in that",
        )


def room_until(agreement: Agreement, following: Contract | None, zone: str) -> date | None:
    """The local day before which the terms end: as agreed, else where the following contract begins.

    Raises CONFLICT when they would reach into it.
    """
    if following is None:
        return agreement.end
    begins = local_day(following.starts, zone)
    if agreement.end is not None and agreement.end > begins:
        raise BillingFailure(
            FailureCode.CONFLICT,
            f"end {agreement.end}: contract {following.contract_id} begins on {begins}; end on that day or before",
        )
    return agreement.end or begins
