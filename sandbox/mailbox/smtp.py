"""The receiving end of SMTP: every mail is taken and kept, unless a scripted fault says otherwise."""

from __future__ import annotations

import asyncio

from aiosmtpd.smtp import SMTP, Envelope, Session

from sandbox.mailbox.faults import Fault, FaultKind, Script
from sandbox.mailbox.store import MailStore

REPLIES = {
    FaultKind.DEFERRED: "451 4.3.0 Temporary failure (scripted), try again later",
    FaultKind.REFUSED: "550 5.1.1 No such mailbox (scripted)",
}


class ScriptedEnvelope(Envelope):
    """One mail on its way in, with what is to go wrong with it once its recipients are known."""

    fault: Fault | None = None


class Reception:
    """What happens to a mail on its way in, in the order of the SMTP dialogue."""

    def __init__(self, store: MailStore, script: Script) -> None:
        self._store = store
        self._script = script

    async def handle_RCPT(  # noqa: N802 - aiosmtpd looks handlers up by this name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept the recipient, or do what the script says; a fault of a later moment is remembered until then."""
        fault = self._script.next_for(address)
        if fault is not None and fault.kind == FaultKind.UNAVAILABLE:
            await server.push("421 4.3.2 Service not available (scripted), closing the connection")
            await hang_up(server)
        if fault is not None and fault.kind in REPLIES:
            return REPLIES[fault.kind]
        if fault is not None and isinstance(envelope, ScriptedEnvelope):
            envelope.fault = fault
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient accepted"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        """Keep the mail, then answer, or not."""
        self._store.receive(envelope.mail_from or "", envelope.rcpt_tos, envelope.original_content or b"")
        fault = scripted(envelope)
        if fault is not None and fault.kind == FaultKind.DROPPED_AFTER_DATA:
            await hang_up(server)
        if fault is not None and fault.kind == FaultKind.STALLED:
            await asyncio.sleep(fault.seconds)
        return "250 2.0.0 Mail kept"


class Dialogue(SMTP):
    """One connection, which a script may end before the mail is sent."""

    def _create_envelope(self) -> ScriptedEnvelope:
        return ScriptedEnvelope()

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - the command's name
        """Receive the mail's content."""
        fault = scripted(self.envelope)
        if fault is not None and fault.kind == FaultKind.DROPPED_BEFORE_DATA:
            await hang_up(self)
        await super().smtp_DATA(arg)


def scripted(envelope: Envelope | None) -> Fault | None:
    """The fault that a recipient of this envelope brought along."""
    return envelope.fault if isinstance(envelope, ScriptedEnvelope) else None


async def hang_up(server: SMTP) -> None:
    """Close the connection and wait to be cancelled by its end: nothing more may be said on it."""
    if server.transport is not None:
        server.transport.close()
    await asyncio.get_running_loop().create_future()
