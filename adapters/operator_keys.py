"""Operators sign their decisions with Ed25519: the token holds the private half, the database only the public one."""

from __future__ import annotations

import base64
import binascii

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from billing.cases import SignedDecision


def new_token(operator_id: str) -> tuple[str, str]:
    """A new token `<operator_id>:<seed>`, to be shown once and kept nowhere, and the public key to store for it."""
    key = Ed25519PrivateKey.generate()
    return f"{operator_id}:{_text(key.private_bytes_raw())}", _text(key.public_key().public_bytes_raw())


def operator_of(token: str) -> str:
    """The operator a token claims to belong to; only `public_key_of` against the stored key proves it."""
    return token.partition(":")[0]


def public_key_of(token: str) -> str:
    """The public key that belongs to a token; ValueError, without the token in it, when it is none."""
    return _text(_private_key(token).public_key().public_bytes_raw())


def sign(decision: SignedDecision, token: str) -> SignedDecision:
    """The decision with its signature; ValueError when the token belongs to another operator than the decision names."""
    if operator_of(token) != decision.operator_id:
        raise ValueError(f"the token belongs to {operator_of(token)}, the decision names {decision.operator_id}")
    signature = _private_key(token).sign(decision.signed_bytes())
    return decision.model_copy(update={"signature": _text(signature)})


def verify(decision: SignedDecision, public_key: str) -> bool:
    """Whether the holder of `public_key`'s other half signed exactly this decision."""
    try:
        key = Ed25519PublicKey.from_public_bytes(_bytes(public_key))
        key.verify(_bytes(decision.signature), decision.signed_bytes())
    except (InvalidSignature, ValueError):
        return False
    return True


def _private_key(token: str) -> Ed25519PrivateKey:
    _, _, seed = token.partition(":")
    try:
        return Ed25519PrivateKey.from_private_bytes(_bytes(seed))
    except ValueError:
        raise ValueError(
            "the operator token is not valid: it reads <operator id>:<43 letters>, as printed when it was made"
        ) from None


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as failure:
        raise ValueError("not base64url") from failure
