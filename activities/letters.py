"""Writing letters: to the customer, or to every operator of a role; each letter once, by its key."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict
from temporalio import activity

from activities.clock import Now
from activities.ports import EffectLedger, OperatorDirectory, Postman, Wire
from billing.authority import LADDER, Role
from billing.cases import OpenedCase
from billing.corrections import sha256_of
from billing.effects import EffectIntent, EffectKind, EffectState
from billing.emails import Delivery, Letter, Payload, Recipient
from billing.failures import BillingFailure, FailureCode


class LetterToCustomer(BaseModel):
    """A letter to the person who wrote the ticket; `name` is the letter's step in the case, such as `update-2`."""

    model_config = ConfigDict(frozen=True)

    case: OpenedCase
    name: str
    payload: Payload


class LetterToOperators(BaseModel):
    """A letter to everyone who holds `role`; when nobody does, it goes up the ladder."""

    model_config = ConfigDict(frozen=True)

    case: OpenedCase
    name: str
    role: Role
    payload: Payload


class Notice(BaseModel):
    """A letter to everyone who holds `role` about work that is no case of a customer, such as a month end; `case_id` is
    what it is filed under and `name` its step there."""

    model_config = ConfigDict(frozen=True)

    case_id: str
    name: str
    role: Role
    payload: Payload


class Posted(StrEnum):
    """What became of a letter: on its way, refused by the recipient's server, nobody to write to, or not known."""

    SENT = "sent"
    REFUSED = "refused"
    NOBODY = "nobody to write to"
    UNKNOWN = "perhaps sent; a person should check"


@dataclass(frozen=True)
class Letters:
    """The verbs of writing; `effects` remembers which letter has left."""

    postman: Postman
    effects: EffectLedger
    operators: OperatorDirectory
    now: Now

    @activity.defn(name="write_to_customer", no_thread_cancel_exception=True)
    def to_customer(self, order: LetterToCustomer) -> Posted:
        """Send the letter once (D9); raises PROVIDER_BUSY or UNAVAILABLE while the mail server cannot take it."""
        tenant, requester = order.case.tenant, order.case.ticket.requester
        recipient = Recipient(
            name=requester.name,
            email=requester.email,
            locale=tenant.locale if tenant else "en-US",
            zone=tenant.zone if tenant else "UTC",
        )
        return self.post_once(_letter(order.case, order.name, recipient, order.payload))

    @activity.defn(name="write_to_operators", no_thread_cancel_exception=True)
    def to_operators(self, order: LetterToOperators) -> Posted:
        """Send one letter to each mailbox of the role's operators, each once, whatever interrupts the round. One that
        cannot take it now keeps nobody else waiting: the round is finished before it is tried again."""
        return self._post_to_all(
            order.role, lambda to: _letter(order.case, f"{order.name}/{_tag(to)}", to, order.payload)
        )

    @activity.defn(name="write_notice", no_thread_cancel_exception=True)
    def notify(self, notice: Notice) -> Posted:
        """The same for what is no case of a customer."""
        if notice.payload.template == "handed_over":
            _count_handed_over(notice)
        return self._post_to_all(notice.role, lambda to: _copy(notice, to))

    def _post_to_all(self, role: Role, letter_to: Callable[[Recipient], Letter]) -> Posted:
        recipients = _once_each(self._holders(role))
        if not recipients:
            return Posted.NOBODY
        outcomes, failures = [], []
        for recipient in recipients:
            try:
                outcomes.append(self.post_once(letter_to(recipient)))
            except BillingFailure as failure:
                failures.append(failure)
        if failures:
            # One that trying again may cure comes first: a final one would end the round for the others too.
            raise min(failures, key=lambda failure: failure.final)
        return Posted.SENT if Posted.SENT in outcomes else outcomes[0]

    def _holders(self, role: Role) -> list[Recipient]:
        for candidate in (role, *(rung for rung in LADDER[1:] if rung is not role)):
            if recipients := self.operators.recipients(candidate):
                return recipients
        return []

    def post_once(self, letter: Letter) -> Posted:
        """Send one letter by its key, or say what became of it earlier; raises while it cannot be known or sent yet."""
        request = letter.model_dump(mode="json")
        self.effects.record(
            EffectIntent(
                op_key=letter.op_key,
                kind=EffectKind.LETTER,
                case_id=letter.case_id,
                tenant_id=letter.tenant_id,
                request=request,
                request_sha256=sha256_of(request),
            )
        )
        effect = self.effects.claim(letter.op_key)
        match effect.state:
            case EffectState.CONFIRMED:
                return Posted.SENT
            case EffectState.REFUSED:
                return Posted.REFUSED
            case EffectState.SENT | EffectState.UNKNOWN if letter.delivery is Delivery.AT_MOST_ONCE:
                self.effects.doubt(letter.op_key, "the process ended after the letter was handed over")
                return Posted.UNKNOWN
            case _:
                return self._hand_over(letter)

    def _hand_over(self, letter: Letter) -> Posted:
        self.effects.freeze(letter.op_key, Wire(call="smtp", params={"template": letter.payload.template}), self.now())
        try:
            answer = self.postman.deliver(letter)
        except BillingFailure as failure:
            match failure.code:
                case FailureCode.PROVIDER_REFUSED:
                    self.effects.refuse(letter.op_key, failure.for_us)
                    return Posted.REFUSED
                case FailureCode.OUTCOME_UNKNOWN if letter.delivery is Delivery.AT_MOST_ONCE:
                    self.effects.doubt(letter.op_key, failure.for_us)
                    return Posted.UNKNOWN
                case FailureCode.PROVIDER_BUSY:
                    self.effects.next_generation(letter.op_key)
                case _:
                    pass
            raise
        self.effects.confirm(letter.op_key, answer)
        return Posted.SENT


def _letter(case: OpenedCase, name: str, recipient: Recipient, payload: Payload) -> Letter:
    return Letter(
        op_key=f"{case.case_id}/letter/r{case.round}/{name}",
        case_id=case.case_id,
        tenant_id=case.tenant.tenant_id if case.tenant else None,
        to=recipient,
        payload=payload,
    )


def _copy(notice: Notice, recipient: Recipient) -> Letter:
    return Letter(
        op_key=f"{notice.case_id}/letter/{notice.name}/{_tag(recipient)}",
        case_id=notice.case_id,
        tenant_id=None,
        to=recipient,
        payload=notice.payload,
    )


def _count_handed_over(notice: Notice) -> None:
    """What runbooks hand over to people, for the metrics (P10)."""
    if activity.in_activity():
        runbook = notice.case_id.partition("/")[0]
        meter = activity.metric_meter().with_additional_attributes({"runbook": runbook, "role": notice.role.value})
        meter.create_counter("runbooks_handed_over", "What runbooks handed over to people").add(1)


def _once_each(recipients: Iterable[Recipient]) -> list[Recipient]:
    """One recipient for each mailbox, the first; operators may share one."""
    by_mailbox: dict[str, Recipient] = {}
    for recipient in recipients:
        by_mailbox.setdefault(recipient.email.casefold(), recipient)
    return list(by_mailbox.values())


def _tag(recipient: Recipient) -> str:
    """Tells the copies of one letter apart without putting an address into a key. It covers the name, which the letter
    greets: whoever shares a mailbox and is first in it from today on gets a letter of their own, never a conflict."""
    return hashlib.sha256(f"{recipient.name}\n{recipient.email}".encode()).hexdigest()[:10]
