"""The mail that left, one row a letter, written together with the effect that sent it."""

from __future__ import annotations

from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict
from sqlalchemy import Connection, Engine, select
from sqlalchemy.dialects.postgresql import insert

from adapters.postgres.engine import transaction
from adapters.postgres.tables import sent_mail
from adapters.postgres.tables.effects import MailState
from billing.effects import Effect
from billing.emails import Letter
from billing.failures import BillingFailure, FailureCode


class SentLetter(BaseModel):
    """One letter on record; `state` unknown: the connection broke after it was handed over, and a person should check."""

    model_config = ConfigDict(frozen=True)

    op_key: str
    message_id: str | None
    case_id: str
    template: str
    recipient: str
    subject: str | None
    state: MailState
    sent_at: AwareDatetime
    letter: Letter


class SentMail:
    """What customers and operators were written, for lists and for the case page."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def newest(self, *, case_id: str | None = None, limit: int = 100) -> list[SentLetter]:
        """The newest letters first, of one case or of all."""
        letters = select(sent_mail).order_by(sent_mail.c.sent_at.desc(), sent_mail.c.op_key).limit(limit)
        if case_id is not None:
            letters = letters.where(sent_mail.c.case_id == case_id)
        with transaction(self._engine) as connection:
            return [SentLetter.model_validate(row._asdict()) for row in connection.execute(letters)]

    def get(self, op_key: str) -> SentLetter:
        """Raises NOT_FOUND."""
        with transaction(self._engine) as connection:
            row = connection.execute(select(sent_mail).where(sent_mail.c.op_key == op_key)).one_or_none()
        if row is None:
            raise BillingFailure(FailureCode.NOT_FOUND, f"there is no letter {op_key}")
        return SentLetter.model_validate(row._asdict())


def left(connection: Connection, effect: Effect, at: datetime) -> None:
    """Put a confirmed letter on record; a letter that only perhaps left becomes one that did."""
    _write(connection, effect, MailState.SENT, at)


def perhaps_left(connection: Connection, effect: Effect, at: datetime) -> None:
    """Put a letter on record whose delivery nobody knows."""
    _write(connection, effect, MailState.UNKNOWN, at)


def _write(connection: Connection, effect: Effect, state: MailState, at: datetime) -> None:
    known = {
        "state": state.value,
        "message_id": effect.provider_id,
        "subject": (effect.outcome or {}).get("subject"),
        "sent_at": at,
    }
    row = known | {
        "op_key": effect.op_key,
        "case_id": effect.case_id,
        "template": effect.request["payload"]["template"],
        "recipient": effect.request["to"]["email"],
        "letter": effect.request,
    }
    upsert = insert(sent_mail).values(row)
    still_unknown = sent_mail.c.state == MailState.UNKNOWN.value
    connection.execute(upsert.on_conflict_do_update(index_elements=["op_key"], set_=known, where=still_unknown))
