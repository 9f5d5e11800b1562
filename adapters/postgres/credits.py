"""The credit book: proposals frozen as effects, and booked credits with the documents they make (D7, D8)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Engine, insert, select, update

from activities.clock import Now, wall_clock
from activities.ports import ProviderAnswer
from adapters.postgres.corrected_lines import moved_meanwhile
from adapters.postgres.credit_limits import (
    CreditWindow,
    approved_and_unbooked,
    given_besides_this_document,
    lock_tenant,
    path_of,
    raised,
    room_on_invoice,
)
from adapters.postgres.credit_notes import documents_of, issue_credit_note
from adapters.postgres.effects import confirm_effect, read_effect
from adapters.postgres.engine import transaction
from adapters.postgres.tables import approvals, credits, effects
from adapters.postgres.tables.effects import ApprovalState
from billing.authority import Role
from billing.corrections import CreditReceipt, CreditRequest, Destination, Proposal
from billing.effects import EffectKind, EffectState
from billing.failures import BillingFailure, FailureCode
from billing.money import Money
from billing.policy.bundle import Policy
from billing.policy.credits import CreditPolicy, Payback

UNSENT = (EffectState.PROPOSED.value, EffectState.INTENDED.value)


class Credits:
    """Satisfies `CreditBook`."""

    def __init__(self, engine: Engine, now: Now = wall_clock) -> None:
        self._engine = engine
        self._now = now

    def recently_credited(self, tenant_id: str, currency: str, policy: CreditPolicy) -> Money | None:
        window = CreditWindow(policy, self._now())
        with transaction(self._engine) as connection:
            return window.given(connection, tenant_id, currency, approved_and_unbooked())

    def already_credited(self, invoice_id: str) -> Money:
        """Credit notes that this document already restates are not counted again."""
        with transaction(self._engine) as connection:
            return given_besides_this_document(connection, invoice_id)

    def propose(
        self, request: CreditRequest, path: Sequence[Role], recently_credited: Money | None, policy: Policy
    ) -> Proposal:
        """`path` was computed with `recently_credited`; when the tenant's credits have grown since, it is raised to the
        role they need now. Raises CONFLICT when the invoice has not that much left to give back."""
        with transaction(self._engine) as connection:
            currency = lock_tenant(connection, request.tenant_id)
            if frozen := _frozen(connection, request.op_key):
                return frozen
            _withdraw_unsent(connection, request)
            if request.amount.currency != currency:
                raise BillingFailure(
                    FailureCode.INVALID, f"amount {request.amount}: {request.tenant_id} is billed in {currency}"
                )
            _no_more_than_was_billed(request, room_on_invoice(connection, request.invoice_id, approved_and_unbooked()))
            if moved := moved_meanwhile(connection, request, approved_and_unbooked()):
                raise BillingFailure(FailureCode.CONFLICT, moved)
            window = CreditWindow(policy.credits, self._now())
            given = window.given(connection, request.tenant_id, currency, approved_and_unbooked())
            needed = tuple(path) if given == recently_credited else raised(path, request.amount, given, policy.credits)
            connection.execute(insert(effects).values(_proposed_row(request, needed, given, self._now())))
        return Proposal(request=request, request_sha256=request.sha256(), path=needed, recently_credited=given)

    def book(self, op_key: str, answer: ProviderAnswer) -> CreditReceipt:
        """Raises CONFLICT when it would give back more than the original invoice, whoever else books at the moment."""
        with transaction(self._engine) as connection:
            request = CreditRequest.model_validate(read_effect(connection, op_key).request)
            lock_tenant(connection, request.tenant_id)
            effect = read_effect(connection, op_key, lock=True)
            confirm_effect(connection, effect, answer)
            if effect.state is not EffectState.CONFIRMED:
                _no_more_than_was_billed(request, room_on_invoice(connection, request.invoice_id))
                _book(connection, request, answer, self._now())
            return _receipt(connection, op_key)

    def withdraw(self, op_key: str, why: str) -> bool:
        with transaction(self._engine) as connection:
            effect = read_effect(connection, op_key, lock=True)
            if effect.state.value in UNSENT:
                withdraw_effect(connection, op_key, why)
        return effect.state.value in UNSENT or effect.state in (EffectState.WITHDRAWN, EffectState.REFUSED)


def withdraw_effect(connection: Connection, op_key: str, why: str) -> None:
    """Take a locked, unsent effect back, together with its open questions."""
    this = effects.c.op_key == op_key
    connection.execute(update(effects).where(this).values(state=EffectState.WITHDRAWN.value, why=why))
    still_open = (approvals.c.op_key == op_key) & (approvals.c.state == ApprovalState.OPEN.value)
    connection.execute(update(approvals).where(still_open).values(state=ApprovalState.WITHDRAWN.value))


def _frozen(connection: Connection, op_key: str) -> Proposal | None:
    row = connection.execute(select(effects).where(effects.c.op_key == op_key)).one_or_none()
    if row is None:
        return None
    return Proposal(
        request=CreditRequest.model_validate(row.request),
        request_sha256=row.request_sha256,
        path=path_of(connection, op_key),
        recently_credited=(
            None
            if row.recently_credited_minor is None
            else Money(minor=row.recently_credited_minor, currency=row.currency)
        ),
    )


def _withdraw_unsent(connection: Connection, request: CreditRequest) -> None:
    """A round has one live proposal: the newest."""
    round_prefix = request.step.partition(".")[0] + "."
    earlier = (
        select(effects.c.op_key)
        .where(effects.c.case_id == request.case_id, effects.c.kind == EffectKind.CREDIT.value)
        .where(effects.c.state.in_(UNSENT), effects.c.request["step"].astext.startswith(round_prefix, autoescape=True))
        .with_for_update(key_share=True)
    )
    for op_key in connection.execute(earlier).scalars().all():
        withdraw_effect(connection, op_key, f"replaced by {request.op_key}")


def _no_more_than_was_billed(request: CreditRequest, room: Money) -> None:
    if request.amount > room:
        raise BillingFailure(
            FailureCode.CONFLICT, f"amount {request.amount}: the invoice has {room} left that can be given back"
        )


def _proposed_row(
    request: CreditRequest, path: tuple[Role, ...], given: Money | None, now: datetime
) -> dict[str, object]:
    return {
        "op_key": request.op_key,
        "kind": EffectKind.CREDIT.value,
        "case_id": request.case_id,
        "tenant_id": request.tenant_id,
        "state": (EffectState.PROPOSED if path else EffectState.INTENDED).value,
        "request": request.model_dump(mode="json"),
        "request_sha256": request.sha256(),
        "path": [role.value for role in path],
        "amount_minor": request.amount.minor,
        "recently_credited_minor": None if given is None else given.minor,
        "currency": request.amount.currency,
        "intended_at": now,
    }


def _book(connection: Connection, request: CreditRequest, answer: ProviderAnswer, now: datetime) -> None:
    credit_id = f"CR-{request.ticket_id}-{request.step}"
    connection.execute(
        insert(credits).values(
            credit_id=credit_id,
            tenant_id=request.tenant_id,
            amount_minor=request.amount.minor,
            currency=request.amount.currency,
            reason=request.reason,
            reference_id=request.ticket_id,
            step=request.step,
            created_by=request.requested_by,
            created_at=now,
            case_id=request.case_id,
            invoice_id=request.invoice_id,
            destination=request.destination.value,
            goodwill=request.goodwill,
            op_key=request.op_key,
            provider_id=answer.provider_id,
            balance_minor=_into_the_balance(request, answer),
        )
    )
    if request.destination is Destination.CREDIT_NOTE:
        issue_credit_note(connection, request, credit_id, answer.provider_id, now)


def _into_the_balance(request: CreditRequest, answer: ProviderAnswer) -> int:
    """What the provider takes off the next invoice by itself, and therefore our next document too: everything without a
    credit note, of a note what had been paid and was not refunded."""
    if request.destination is Destination.NEXT_INVOICE:
        return request.amount.minor
    return int(answer.kept.get("post_payment_amount") or 0) if request.payback is Payback.BALANCE else 0


def _receipt(connection: Connection, op_key: str) -> CreditReceipt:
    credit = connection.execute(select(credits).where(credits.c.op_key == op_key)).one()
    documents = documents_of(connection, credit.credit_id)
    return CreditReceipt(
        credit_id=credit.credit_id,
        amount=Money(minor=credit.amount_minor, currency=credit.currency),
        destination=Destination(credit.destination),
        provider_id=credit.provider_id,
        credit_note_number=documents[0] if documents else None,
        corrected_invoice_number=documents[1] if documents else None,
        booked_at=credit.created_at,
    )
