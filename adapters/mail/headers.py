"""What may stand in a mail header: text that stays on its line, one plain address, and a Message-ID for life."""

from __future__ import annotations

import hashlib
import re
from email.headerregistry import Address

from billing.emails import Recipient
from billing.failures import BillingFailure, FailureCode

_DOMAIN = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_NAME_LENGTH_MAX = 100  # longer ones fold so slowly that they hold the next letter up
_NEVER_IN_AN_ADDRESS = frozenset('@<>,;:"\\()[]')


def message_id(op_key: str, domain: str) -> str:
    """The same key has the same Message-ID for ever, so a letter that arrives twice is recognised as one."""
    return f"<{hashlib.sha256(op_key.encode()).hexdigest()[:40]}@{domain}>"


def header_text(text: str) -> str:
    """Words that may stand in a header and stay there.

    Line breaks and other invisible characters become spaces. So does the start of an encoded word (`=?`): the mail library
    decodes those and writes the result out as it is, which is how a harmless looking name could smuggle in a line break.
    """
    visible = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(visible.replace("=?", "= ?").split())


def recipient_address(to: Recipient) -> Address:
    """Where the letter goes, by name; raises PROVIDER_REFUSED when that is not one plain address."""
    user, at, domain = to.email.rpartition("@")
    if not (at and user) or not user.isprintable() or " " in user or _NEVER_IN_AN_ADDRESS.intersection(user):
        raise unsendable("the recipient's address is not one plain address")
    try:
        return Address(display_name=header_text(to.name)[:_NAME_LENGTH_MAX], username=user, domain=_ascii(domain))
    except (ValueError, IndexError) as error:  # the library's parser fails on some malformed addresses by index
        raise unsendable("the recipient's address cannot stand in a header") from error


def _ascii(domain: str) -> str:
    """The domain as the mail system spells it, other scripts in their ASCII form."""
    try:
        ascii_domain = domain.encode("idna").decode()
    except UnicodeError as error:
        raise unsendable("the recipient's domain is not a domain name") from error
    if not _DOMAIN.fullmatch(ascii_domain):
        raise unsendable("the recipient's domain is not a domain name")
    return ascii_domain


def unsendable(why: str) -> BillingFailure:
    """As final as a server's own refusal; says why and what to do, never the address itself."""
    return BillingFailure(
        FailureCode.PROVIDER_REFUSED, f"this letter cannot be sent: {why}; correct the requester on the ticket"
    )
