"""A ticket as a person types it or as a file holds it, with each mistake told by the option it was made in."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from billing.disputes import Ticket
from starters.cli.mistakes import BadInputError, field_by_field
from starters.cli.session import Session

# Far above any ticket; whoever points at the wrong file is told so instead of waiting.
_LARGEST_FILE_BYTES = 1_000_000

# What the fields of a ticket are typed as.
OPTIONS = {
    "ticket_id": "--ticket",
    "tenant_id": "--tenant",
    "period": "--period",
    "meters": "--meter",
    "category": "--category",
    "claimed_amount": "--claimed",
    "billed_amount": "--billed",
    "currency": "--currency",
    "email": "--email",
}


def ticket_from_file(file: Path, given: Mapping[str, object]) -> Ticket:
    """The ticket in a JSON file, or on standard input for `-`: bare, or inside the event a webhook would send.

    Raises BadInputError naming every wrong field, and when options were given beside the file.
    """
    if beside := [OPTIONS[field] for field, value in given.items() if value is not None]:
        raise BadInputError(f"--from-file holds the whole ticket: leave out {', '.join(beside)}")
    try:
        content = json.loads(_read(file))
    except RecursionError:
        raise BadInputError(f"--from-file {file}: nested too deep; is it a ticket?") from None
    except ValueError as error:
        raise BadInputError(f"--from-file {file}: this is not JSON ({error})") from None
    if isinstance(content, dict) and "ticket" in content:
        content = content["ticket"]
    if isinstance(content, dict):
        content = {"opened_at": datetime.now(UTC), **content}
    try:
        return Ticket.model_validate(content)
    except ValidationError as error:
        raise field_by_field(error) from None


def _read(file: Path) -> str:
    """The text of a file or of the pipe, never more than a ticket can be; what is not UTF-8 becomes question marks."""
    if str(file) == "-":
        content = sys.stdin.buffer.read(_LARGEST_FILE_BYTES + 1)
    else:
        with file.open("rb") as opened:
            content = opened.read(_LARGEST_FILE_BYTES + 1)
    if len(content) > _LARGEST_FILE_BYTES:
        raise BadInputError(f"--from-file {file}: larger than {_LARGEST_FILE_BYTES:,} bytes; is it a ticket?")
    # Editors on Windows begin a file with a mark.
    return content.decode("utf-8-sig", errors="replace")


def ticket_from_options(
    given: dict[str, Any], said: Mapping[str, str], flags: Mapping[str, bool], session: Session
) -> Ticket:
    """The ticket that the options describe; currency and address come from the books when they are not given."""
    may_be_known = {"currency", "email"}
    if missing := [OPTIONS[field] for field, value in given.items() if value is None and field not in may_be_known]:
        raise BadInputError(f"{', '.join(missing)}: needed to open a dispute (or give a whole ticket with --from-file)")
    tenant = session.books.tenants.find(given["tenant_id"])
    if tenant is None:
        raise BadInputError(f"--tenant {given['tenant_id']}: no such customer; take the id from the customer's invoice")
    requester = {"email": given["email"] or tenant.billing_email, "name": said["name"]}
    content = {field: value for field, value in given.items() if field not in may_be_known}
    content |= {"currency": given["currency"] or tenant.currency, "requester": requester}
    content |= {"subject": said["subject"], "description": said["description"], "opened_at": datetime.now(UTC), **flags}
    try:
        return Ticket.model_validate(content)
    except ValidationError as error:
        raise field_by_field(error, OPTIONS | {"requester.email": "--email", "requester.name": "--name"}) from None
