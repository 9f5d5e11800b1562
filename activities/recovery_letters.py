"""What a tenant is written to without having written to us first: about unpaid invoices, limits and running usage."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict
from temporalio import activity

from activities.letters import Letters, Posted
from activities.ports import TenantDirectory
from billing.corrections import sha256_of
from billing.emails import Letter, Payload, Recipient
from billing.failures import BillingFailure, FailureCode
from billing.tenants import TenantId


class LetterToTenant(BaseModel):
    """A letter to a tenant's billing address; `name` is its step in the case, such as `reminder-2`, and with the case the
    letter's identity: the same name is never sent twice with other words."""

    model_config = ConfigDict(frozen=True)

    case_id: str
    tenant_id: TenantId
    name: str
    payload: Payload


@dataclass(frozen=True)
class RecoveryLetters:
    """The verb of writing to a tenant; each letter leaves once, whatever interrupts it."""

    letters: Letters
    tenants: TenantDirectory

    @activity.defn(name="write_to_tenant", no_thread_cancel_exception=True)
    def write(self, order: LetterToTenant) -> Posted:
        """Write to the billing address, in the tenant's locale and zone.

        Raises PROVIDER_BUSY or UNAVAILABLE while the mail server cannot take it, NOT_FOUND for an unknown tenant.
        """
        tenant = self.tenants.find(order.tenant_id)
        if tenant is None:
            raise BillingFailure(FailureCode.NOT_FOUND, f"tenant {order.tenant_id} is not in the books")
        to = Recipient(name=tenant.name, email=tenant.billing_email, locale=tenant.locale, zone=tenant.zone)
        return self.letters.post_once(
            Letter(
                op_key=f"{order.case_id}/letter/{order.name}/{_tag(to)}",
                case_id=order.case_id,
                tenant_id=tenant.tenant_id,
                to=to,
                payload=order.payload,
            )
        )


def _tag(to: Recipient) -> str:
    """A tenant that moves to another address between two tries gets the letter there: never a conflict."""
    return sha256_of(to.model_dump(mode="json"))[:10]
