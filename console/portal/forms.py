"""Forms that only our own pages can send, each of which counts once."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from unicodedata import category
from urllib.parse import parse_qs

from fastapi import Depends, Request

from console.portal.refusals import Shut
from console.portal.visits import Visit
from starters.portal_links import written

FORM = "application/x-www-form-urlencoded"
FIELDS_MAX = 100
# 40 random bits among the disputes of one tenant; and 40 bits of the proof whose they are.
_NONCE_BYTES = 5
_REFERENCE = re.compile(r"P-([A-Z2-7]{8})-([A-Z2-7]{8})")


@dataclass(frozen=True)
class Form:
    """What was typed, without control characters; a field that was not sent is empty."""

    fields: Mapping[str, tuple[str, ...]]

    def line(self, name: str) -> str:
        """One line, without spaces around it."""
        return " ".join(self.text(name).split())

    def text(self, name: str) -> str:
        """Several lines, ended as Unix does."""
        return self.every(name)[0].strip() if self.every(name) else ""

    def every(self, name: str) -> tuple[str, ...]:
        """All values of a field that may be ticked more than once."""
        return self.fields.get(name, ())


async def _sent(request: Request) -> Form:
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != FORM:
        raise Shut(415, "We could not read that form", "Please send it from the page itself.")
    try:
        fields = parse_qs((await request.body()).decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except ValueError:  # not UTF-8, or more fields than any form of ours has
        raise Shut(400, "We could not read that form", "Please go back and send it again from the page.") from None
    return Form({name: tuple(_printable(value) for value in values) for name, values in fields.items()})


Sent = Annotated[Form, Depends(_sent)]


def form_token(visit: Visit, purpose: str, nonce: str | None = None) -> str:
    """What a page of this link puts into a form: a nonce, and the proof that it is ours. A form sent twice, or corrected
    and sent again, keeps its nonce."""
    own = nonce or base64.b32encode(secrets.token_bytes(_NONCE_BYTES)).decode()
    return f"{own}.{written(visit.seal.mac('form', purpose, visit.link, own))}"


def nonce_of(visit: Visit, purpose: str, token: str) -> str | None:
    """The nonce of a form that a page of this very link made for this purpose; None for any other."""
    nonce, _, mac = token.partition(".")
    return nonce if visit.seal.proves(mac, "form", purpose, visit.link, nonce) else None


def reference_of(visit: Visit, nonce: str) -> str:
    """The ticket id of the dispute that a form opens; it proves by itself whose dispute it is."""
    return f"P-{nonce}-{_owner(visit, nonce)}"


def is_of_this_tenant(visit: Visit, reference: str) -> bool:
    """Whether a reference was made here, for this tenant; nobody else need be asked."""
    parts = _REFERENCE.fullmatch(reference)
    return parts is not None and secrets.compare_digest(_owner(visit, parts[1]), parts[2])


def _owner(visit: Visit, nonce: str) -> str:
    return base64.b32encode(visit.seal.mac("reference", visit.tenant_id, nonce)[:_NONCE_BYTES]).decode()


def _printable(value: str) -> str:
    """Postgres keeps no NUL, and no letter wants an escape sequence."""
    lines = value.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(letter for letter in lines if letter in "\n\t" or category(letter) != "Cc")
