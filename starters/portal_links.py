"""Links into the customer's portal: whoever holds one sees one tenant's usage and disputes until it expires.

A link's token is `<base64url of {"tenant", "exp"}>.<HMAC-SHA256>`. Nothing about it is stored, so a link cannot be taken
back alone: changing the secret takes back every link at once.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from settings import Settings

LONGEST_DAYS = 90
DEFAULT_DAYS = 7

_LINK = "portal link"
# Far above any real one; nobody makes us hash a megabyte.
_LONGEST_TOKEN = 1_000


class PortalLinkError(Exception):
    """A token that opens nothing; `expired` when it once did. The message never holds any of it."""

    def __init__(self, message: str, *, expired: bool = False) -> None:
        super().__init__(message)
        self.expired = expired


@dataclass(frozen=True)
class PortalLink:
    """Whose portal a link opens, and until when (aware)."""

    tenant_id: str
    expires_at: datetime


class Seal:
    """Proves that the portal wrote something itself; the first secret seals, every one is believed."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = [secret.encode() for secret in secrets]

    def mac(self, purpose: str, *facts: str) -> bytes:
        """32 bytes over the facts; what is sealed for one purpose proves nothing for another."""
        return _mac(self._secrets[0], purpose, facts)

    def proves(self, text: str, purpose: str, *facts: str) -> bool:
        """Whether `text` is such a seal as `written` spells it, compared in constant time with each secret's."""
        given = text.encode()
        matches = [
            hmac.compare_digest(given, written(_mac(secret, purpose, facts)).encode()) for secret in self._secrets
        ]
        return any(matches)


def seal_of(settings: Settings) -> Seal | None:
    """The portal's seal; None where no secret is set, and the portal is switched off."""
    return Seal(settings.portal_secrets) if settings.portal_secrets else None


def new_link(seal: Seal, tenant_id: str, now: datetime, *, days: int = DEFAULT_DAYS) -> tuple[str, PortalLink]:
    """A token for the tenant and what it says, to the second; `days` from 1 to `LONGEST_DAYS`."""
    if not 1 <= days <= LONGEST_DAYS:
        raise ValueError(f"days {days}: a link may last from 1 to {LONGEST_DAYS} days")
    link = PortalLink(tenant_id, (now + timedelta(days=days)).replace(microsecond=0))
    payload = written(json.dumps({"tenant": tenant_id, "exp": int(link.expires_at.timestamp())}).encode())
    return f"{payload}.{written(seal.mac(_LINK, payload))}", link


def read_link(seal: Seal, token: str, now: datetime) -> PortalLink:
    """What a token says; raises PortalLinkError unless we sealed it and it has not expired."""
    payload, dot, mac = token.partition(".")
    if len(token) > _LONGEST_TOKEN or not dot or not seal.proves(mac, _LINK, payload):
        raise PortalLinkError("the link is not one of ours, or it was cut short on its way")
    # Only what we wrote ourselves is opened.
    said = json.loads(_read(payload))
    link = PortalLink(said["tenant"], datetime.fromtimestamp(said["exp"], UTC))
    if now >= link.expires_at:
        raise PortalLinkError("the link has expired", expired=True)
    return link


def address_of(settings: Settings, token: str) -> str:
    """The link as the customer gets it; raises SettingsError when nobody said how we are reached from outside."""
    public = settings.need("public_url").public_url or ""
    return f"{public.rstrip('/')}/portal/{token}"


def written(content: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _read(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise PortalLinkError("the link is not one of ours, or it was cut short on its way") from None


def _mac(secret: bytes, purpose: str, facts: Sequence[str]) -> bytes:
    return hmac.digest(secret, json.dumps([purpose, *facts]).encode(), "sha256")
