"""No request makes us hold more than we are willing to, whatever it announces and whoever sends it."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.errors import Refusal

LARGEST_BODY_BYTES = 256 * 1024
_DIGITS_MAX = 20


class BoundBodies:
    """ASGI middleware: reading a body fails with a 413 as soon as it is announced, or turns out, to be too large."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        read = 0

        async def bounded() -> Message:
            nonlocal read
            if _announced(scope) > LARGEST_BODY_BYTES:
                raise _too_large()
            message = await receive()
            read += len(message.get("body", b""))
            if read > LARGEST_BODY_BYTES:
                raise _too_large()
            return message

        await self._app(scope, bounded if scope["type"] == "http" else receive, send)


def _announced(scope: Scope) -> int:
    """The Content-Length in bytes; 0 when there is none to believe, and what really comes is counted anyway."""
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    if not lengths or not lengths[0].isdigit():
        return 0
    # Python reads no number of thousands of digits.
    return int(lengths[0][:_DIGITS_MAX])


def _too_large() -> Refusal:
    return Refusal(413, "too_large", f"the body is larger than {LARGEST_BODY_BYTES // 1024} KB: send links, not files")
