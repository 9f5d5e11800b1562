"""Zendesk: its trigger webhooks as our ticket events, and notes written back to its tickets.

Zendesk's own event webhooks leave out custom fields and addresses, so a trigger sends this body, filled by placeholders:

    {"event": "created" | "commented" | "withdrawn",
     "ticket": {"id", "subject", "description", "created_at", "tags", "requester": {"name", "email"},
                "fields": {"tenant_id", "period", "meters", "category", "claimed_amount", "billed_amount", "currency"},
                "attachments": [{"file_name", "content_url"}]},
     "comment": {"id", "body", "created_at", "public", "by_agent"}}

`tags` and `meters` may be lists or text with spaces or commas, as placeholders write them. A comment needs of its ticket
only `id` and `requester`.
"""

import hashlib
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

import httpx
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter

from activities.ports import TicketDesk
from billing.cases import CustomerReply, Withdrawal
from billing.disputes import Ticket
from billing.failures import BillingFailure, FailureCode

PREFIX = "ZD-"

_FLAGS = ("security_concern", "legal_threat", "executive_escalation")
_LINE_LENGTH_MAX = 300
_TEXT_LENGTH_MAX = 20_000
_REASON_LENGTH_MAX = 2_000
_EVIDENCE_MAX = 50
_WITHOUT_WORDS = "(a comment without words: its attachments are in Zendesk)"
_PAGE = 100


class TicketOpened(BaseModel):
    """A ticket that disputes usage."""

    model_config = ConfigDict(frozen=True)

    ticket: Ticket


class CustomerCommented(BaseModel):
    """The customer wrote on the ticket of a dispute."""

    model_config = ConfigDict(frozen=True)

    ticket_id: str
    reply: CustomerReply


class DisputeWithdrawn(BaseModel):
    """The customer gave the dispute up."""

    model_config = ConfigDict(frozen=True)

    ticket_id: str
    withdrawal: Withdrawal


def _as_words(value: object) -> object:
    return re.split(r"[\s,;]+", value.strip()) if isinstance(value, str) else value


_Words = Annotated[tuple[str, ...], BeforeValidator(_as_words)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Person(_Part):
    name: str | None = ""
    email: str


class _Fields(_Part):
    tenant_id: str
    period: str
    meters: _Words
    category: str
    claimed_amount: str | int | float
    billed_amount: str | int | float
    currency: str


class _File(_Part):
    file_name: str
    content_url: str | None = None


class _Reference(_Part):
    id: int = Field(gt=0)
    requester: _Person

    @property
    def ticket_id(self) -> str:
        return f"{PREFIX}{self.id}"


class _Ticket(_Reference):
    subject: str | None = ""
    description: str | None = ""
    created_at: AwareDatetime
    tags: _Words = ()
    fields: _Fields
    attachments: tuple[_File, ...] = ()


class _Comment(_Part):
    id: str | int | None = None
    body: str = ""
    created_at: AwareDatetime
    public: bool = True
    by_agent: bool = False


class _Created(_Part):
    event: Literal["created"]
    ticket: _Ticket


class _Commented(_Part):
    event: Literal["commented"]
    ticket: _Reference
    comment: _Comment


class _Withdrawn(_Part):
    event: Literal["withdrawn"]
    ticket: _Reference
    comment: _Comment | None = None


_BODY: TypeAdapter[_Created | _Commented | _Withdrawn] = TypeAdapter(
    Annotated[_Created | _Commented | _Withdrawn, Field(discriminator="event")]
)


def read_event(body: bytes) -> TicketOpened | CustomerCommented | DisputeWithdrawn | None:
    """The event in a trigger's body, or None for a comment that is not the customer's or not public.

    Raises pydantic's ValidationError naming the field. Card numbers are still in the texts.
    """
    match _BODY.validate_json(body):
        case _Created(ticket=ticket):
            return TicketOpened(ticket=_ticket(ticket))
        case _Commented(ticket=ticket, comment=comment):
            if comment.by_agent or not comment.public:
                return None
            return CustomerCommented(ticket_id=ticket.ticket_id, reply=_reply(comment))
        case _Withdrawn(ticket=ticket, comment=comment):
            reason = comment.body if comment else ""
            withdrawal = Withdrawal(by=ticket.requester.email, reason=reason[:_REASON_LENGTH_MAX])
            return DisputeWithdrawn(ticket_id=ticket.ticket_id, withdrawal=withdrawal)


def _ticket(ticket: _Ticket) -> Ticket:
    flags = {flag: flag in ticket.tags for flag in _FLAGS}
    return Ticket.model_validate(
        {
            **ticket.fields.model_dump(),
            **flags,
            "ticket_id": ticket.ticket_id,
            "requester": {"name": _line(ticket.requester.name), "email": ticket.requester.email},
            "subject": _line(ticket.subject),
            "description": (ticket.description or "")[:_TEXT_LENGTH_MAX],
            "evidence": tuple(_evidence(file) for file in ticket.attachments[:_EVIDENCE_MAX]),
            "opened_at": ticket.created_at,
        }
    )


def _evidence(file: _File) -> dict[str, str]:
    """Name and link of an attachment; its content stays at Zendesk (D2)."""
    link = file.content_url or ""
    return {"name": _line(file.file_name)} | ({"link": link} if link.startswith("https://") else {})


def _reply(comment: _Comment) -> CustomerReply:
    """The comment as an answer. Without an id, its moment and words tell it apart from others."""
    told_apart = hashlib.sha256(f"{comment.created_at.isoformat()} {comment.body}".encode()).hexdigest()[:32]
    return CustomerReply(
        reply_id=f"zendesk-{comment.id or told_apart}",
        text=comment.body[:_TEXT_LENGTH_MAX] if comment.body.strip() else _WITHOUT_WORDS,
        received_at=comment.created_at,
    )


def _line(text: str | None) -> str:
    """One printable line of it."""
    visible = "".join(char if char.isprintable() else " " for char in text or "")
    return " ".join(visible.split())[:_LINE_LENGTH_MAX]


class ZendeskDesk:
    """Writes internal notes to Zendesk tickets; satisfies `activities.ports.TicketDesk`.

    `url` is the account (`https://company.zendesk.com`), `email` and `token` an agent's; `timeout` in seconds. Tickets
    that did not come from Zendesk go to `elsewhere`, or get no note when there is none.
    """

    def __init__(
        self, url: str, email: str, token: str, *, elsewhere: TicketDesk | None = None, timeout: float = 10.0
    ) -> None:
        self._http = httpx.Client(base_url=url, auth=(f"{email}/token", token), timeout=timeout)
        self._elsewhere = elsewhere

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def note(self, ticket_id: str, op_key: str, text: str) -> None:
        """Write the note once: the comments are read first, since Zendesk has no idempotency keys for updates.

        Raises NOT_FOUND for a deleted ticket, PROVIDER_REFUSED for one that takes no notes any more, else UNAVAILABLE.
        """
        number = ticket_id.removeprefix(PREFIX)
        if number == ticket_id or not number.isdecimal():
            if self._elsewhere:
                self._elsewhere.note(ticket_id, op_key, text)
            return
        mark = f"[{op_key}]"
        if any(mark in body for body in self._comments(number)):
            return
        comment = {"body": f"{text}\n\n{mark}", "public": False}
        self._call("PUT", f"/api/v2/tickets/{number}.json", json={"ticket": {"comment": comment}})

    def _comments(self, number: str) -> Iterator[str]:
        """The texts of a ticket's comments, newest first, page by page."""
        page: dict[str, str | int] = {"page[size]": _PAGE, "sort": "-created_at"}
        while True:
            answer = self._call("GET", f"/api/v2/tickets/{number}/comments.json", params=page)
            try:
                yield from (str(comment["body"]) for comment in answer["comments"])
                meta = answer.get("meta") or {}
                if not meta.get("has_more"):
                    return
                page["page[after]"] = str(meta["after_cursor"])
            except (KeyError, TypeError) as error:
                raise _unreadable(number) from error

    def _call(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        try:
            response = self._http.request(method, path, **content)
        except httpx.TransportError as error:
            raise BillingFailure(
                FailureCode.UNAVAILABLE, f"Zendesk cannot be reached ({type(error).__name__})"
            ) from error
        if not response.is_success:
            raise _failure(response.status_code, path)
        try:
            answer = response.json()
        except ValueError as error:
            raise _unreadable(path) from error
        if not isinstance(answer, dict):
            raise _unreadable(path)
        return answer


def _failure(status: int, path: str) -> BillingFailure:
    match status:
        case 404 | 410:
            return BillingFailure(FailureCode.NOT_FOUND, f"Zendesk has no {path}: the ticket was deleted or merged")
        case 400 | 422:
            return BillingFailure(
                FailureCode.PROVIDER_REFUSED,
                f"Zendesk takes no note at {path} ({status}): the ticket may be closed for good",
            )
        case 401 | 403:
            return BillingFailure(
                FailureCode.UNAVAILABLE,
                f"Zendesk does not accept our login ({status}): set RUNBOOKS_ZENDESK_EMAIL and RUNBOOKS_ZENDESK_API_TOKEN",
            )
        case _:
            return BillingFailure(FailureCode.UNAVAILABLE, f"Zendesk did not take {path} now ({status})")


def _unreadable(what: str) -> BillingFailure:
    return BillingFailure(FailureCode.UNAVAILABLE, f"Zendesk's answer about {what} could not be read")
