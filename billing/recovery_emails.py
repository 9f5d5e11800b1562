"""What letters about unpaid invoices, limited service and running usage may say; the other payloads are in
`billing.emails`, under the same rules."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Literal, TypeAlias

from pydantic import AwareDatetime, BaseModel, ConfigDict

from billing.money import Money


class _Payload(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OwedInvoice(_Payload):
    """One unpaid invoice: `net` is what is still due on it, `since` when it became overdue; a letter names the day."""

    number: str
    net: Money
    since: AwareDatetime


class Owed(_Payload):
    """Every invoice that one tenant still owes something on, oldest first; one letter names them all."""

    tenant_id: str
    invoices: tuple[OwedInvoice, ...]

    @property
    def totals(self) -> tuple[Money, ...]:
        """What is due altogether, one amount for each currency in the order of its oldest invoice."""
        sums: dict[str, Money] = {}
        for invoice in self.invoices:
            net = invoice.net
            sums[net.currency] = sums.get(net.currency, Money.zero(net.currency)) + net
        return tuple(sums.values())


class NextStep(StrEnum):
    """What happens to the service, or to the data, when nothing is paid."""

    LIMITED = "limited"
    BLOCKED = "blocked"
    SUSPENDED = "suspended"
    DELETED = "deleted"


class Coming(_Payload):
    """A step that is still to come, and when; `share` of the usual request rate (0.1 is a tenth) for LIMITED only."""

    step: NextStep
    at: AwareDatetime
    share: Decimal | None = None

    @property
    def percent(self) -> Decimal | None:
        """The share as a letter says it: 10 for a tenth."""
        return None if self.share is None else self.share * 100


class Left(_Payload):
    """What is left of the service under a limit: `step` is what has happened, `share` of the usual request rate for LIMITED
    only. `why` is what gateways say of it, in a limit of another cause; `by_usage` when its cause is the usage."""

    step: NextStep
    share: Decimal | None = None
    why: str = ""
    by_usage: bool = False

    @property
    def percent(self) -> Decimal | None:
        """The share as a letter says it: 10 for a tenth."""
        return None if self.share is None else self.share * 100


class PaymentFailed(_Payload):
    """The payment failure notice (I14). `grace_days` are those still left, 0 when the tier has none or they are over, since
    the letter promises that long without interruption; `retry_at` None: nothing is tried again by itself. `asks_for_method`:
    what the customer has given us to charge cannot be charged."""

    template: Literal["payment_failed"] = "payment_failed"
    owed: Owed
    grace_days: int
    retry_at: AwareDatetime | None
    asks_for_method: bool = False


class PaymentReminder(_Payload):
    """Reminder `number` of `of`, counted from 1; `later` is what follows, in order."""

    template: Literal["payment_reminder"] = "payment_reminder"
    owed: Owed
    number: int
    of: int
    later: tuple[Coming, ...] = ()


class FinalWarning(_Payload):
    """The warning before the first limit; `coming` begins with it."""

    template: Literal["final_warning"] = "final_warning"
    owed: Owed
    coming: tuple[Coming, ...]


class ServiceLimited(_Payload):
    """Requests are limited to `percent` of the usual rate from now on."""

    template: Literal["service_limited"] = "service_limited"
    owed: Owed
    percent: Decimal
    later: tuple[Coming, ...] = ()


class ServiceBlocked(_Payload):
    """New requests are refused from now on."""

    template: Literal["service_blocked"] = "service_blocked"
    owed: Owed
    later: tuple[Coming, ...] = ()


class ServiceSuspended(_Payload):
    """The account is suspended; its data is kept until `delete_at`, and so many days before we write again."""

    template: Literal["service_suspended"] = "service_suspended"
    owed: Owed
    delete_at: AwareDatetime
    notice_days: tuple[int, ...]


class ServiceRestored(_Payload):
    """Every limit is lifted; `why` completes "because"."""

    template: Literal["service_restored"] = "service_restored"
    tenant_id: str
    why: str


class ServiceEased(_Payload):
    """Something is still owed, and costs less of the service than before: `left` of it, all when None, because of `why`.
    `other` is a limit of another cause that is stricter; `later` is what follows unless something is paid, in order."""

    template: Literal["service_eased"] = "service_eased"
    owed: Owed
    why: str
    left: Left | None = None
    other: Left | None = None
    later: tuple[Coming, ...] = ()


class ServiceStillLimited(_Payload):
    """Nothing is limited for an overdue payment any more, because of `why`; a limit of another cause stays: `other`."""

    template: Literal["service_still_limited"] = "service_still_limited"
    tenant_id: str
    why: str
    other: Left


class PromiseNoted(_Payload):
    """The customer said that everything will be paid by the end of `by_day`."""

    template: Literal["promise_noted"] = "promise_noted"
    owed: Owed
    by_day: date


class AccountManagerTask(_Payload):
    """To account managers (I6): a customer to call; `number` counts the contacts from 1, `later` is what follows."""

    template: Literal["account_manager_task"] = "account_manager_task"
    owed: Owed
    customer: str
    billing_email: str
    days_overdue: int
    number: int
    later: tuple[Coming, ...] = ()


class DeletionNotice(_Payload):
    """30 and 7 days before a suspended account's data is deleted; the law wants it sent whatever the contact budget."""

    template: Literal["deletion_notice"] = "deletion_notice"
    owed: Owed
    days_left: int
    delete_at: AwareDatetime


class Overage(StrEnum):
    """What happens to requests once a meter passes a share of what the plan includes (I7)."""

    THROTTLED = "throttled"
    BLOCKED = "blocked"
    REVIEWED = "reviewed"


class OverageStep(_Payload):
    """`percent` of what the plan includes, and what happens there."""

    percent: int
    then: Overage


class OverageAlert(_Payload):
    """A meter reached `percent` of what the plan includes in this period (D14); `steps` is what happens from where on."""

    template: Literal["overage_alert"] = "overage_alert"
    tenant_id: str
    meter: str
    percent: int
    used: Decimal
    included: Decimal
    period_ends: AwareDatetime
    steps: tuple[OverageStep, ...]


class UsageSpike(_Payload):
    """A day's usage far above the usual day of the 28 before it; quantities in the meter's units."""

    template: Literal["usage_spike"] = "usage_spike"
    tenant_id: str
    meter: str
    day: date
    used: Decimal
    usual: Decimal
    times: Decimal


RecoveryPayload: TypeAlias = (
    PaymentFailed
    | PaymentReminder
    | FinalWarning
    | ServiceLimited
    | ServiceBlocked
    | ServiceSuspended
    | ServiceRestored
    | ServiceEased
    | ServiceStillLimited
    | PromiseNoted
    | AccountManagerTask
    | DeletionNotice
    | OverageAlert
    | UsageSpike
)
