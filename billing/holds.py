"""Holds: flags that stop one kind of effect for everybody, a tenant or a meter, until somebody releases them."""

from enum import StrEnum
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, model_validator

from billing.authority import Role
from billing.cases import OperatorId, Reason
from billing.tenants import MeterName, TenantId


class HeldEffect(StrEnum):
    """What a hold stops; one on deletion is a legal hold."""

    INVOICING = "invoicing"
    INVOICE_DELIVERY = "invoice_delivery"
    CHARGING = "charging"
    SUSPENSION = "suspension"
    WRITES = "writes"
    DELETION = "deletion"


# Holds on these keep anybody from being charged: a charge is a write to the customer's account at the provider.
STOP_CHARGES = (HeldEffect.CHARGING, HeldEffect.WRITES)

# Who may place and release holds: they stop money, so agents ask one of these.
MAY_HOLD = frozenset({Role.LEAD, Role.ENGINEERING, Role.FINANCE, Role.VP})


class HoldOrder(BaseModel):
    """What is to be stopped and why; neither tenant nor meter: for everybody."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    effect: HeldEffect
    tenant_id: TenantId | None = None
    meter: MeterName | None = None
    reason: Reason
    by: OperatorId

    @model_validator(mode="after")
    def _covers_one_thing(self) -> Self:
        if why := objection_to_covering(self.effect, self.tenant_id, self.meter):
            raise ValueError(why)
        return self


def objection_to_covering(effect: HeldEffect, tenant_id: str | None, meter: str | None) -> str | None:
    """Why no hold on `effect` can cover these, in words; None when one can."""
    if tenant_id and meter:
        return "a hold covers a tenant or a meter, not both: place two"
    if meter and effect is HeldEffect.DELETION:
        return "deletion is held for a tenant or for everybody, not for a meter"
    return None


class Hold(BaseModel):
    """A hold on record; in force until it is released."""

    model_config = ConfigDict(frozen=True)

    hold_id: str
    effect: HeldEffect
    tenant_id: str | None = None
    meter: str | None = None
    reason: str
    placed_by: str
    placed_at: AwareDatetime
    released_by: str | None = None
    released_at: AwareDatetime | None = None
    release_reason: str | None = None

    @property
    def in_force(self) -> bool:
        """Until somebody released it."""
        return self.released_at is None

    @property
    def for_everybody(self) -> bool:
        """Whether it stops its effect for all tenants and meters, so that a whole run waits for it."""
        return self.tenant_id is None and self.meter is None

    def in_words(self) -> str:
        """Whom it covers, why, and who placed it, as one sentence for people who wait for it."""
        covered = f"tenant {self.tenant_id}" if self.tenant_id else f"meter {self.meter}" if self.meter else "everybody"
        return f"{self.effect} is held for {covered} by {self.placed_by} since {self.placed_at:%d %b %H:%M} UTC: {self.reason}"


def objection_to(operator_id: str, role: Role | None) -> str | None:
    """Why this operator may neither place nor release a hold, in words; None when they may. `role` None: not active."""
    if role in MAY_HOLD:
        return None
    needed = ", ".join(sorted(role.value for role in MAY_HOLD))
    are = f"{operator_id} is {role}" if role else f"{operator_id} is no active operator"
    return f"holds are placed and released by {needed}; {are}"
