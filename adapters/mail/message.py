"""A letter as one mail message: its headers, its two bodies, and an identity that survives sending it again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP, SMTPUTF8

from adapters.mail.headers import header_text, message_id, recipient_address, unsendable
from adapters.mail.render import RenderedLetter
from billing.emails import Letter


def compose(
    letter: Letter,
    rendered: RenderedLetter,
    sender: Address,
    now: datetime,
    documents: Mapping[str, bytes] | None = None,
) -> EmailMessage:
    """Headers, two bodies and the attached PDFs, `documents` by file name. Raises PROVIDER_REFUSED when the recipient is
    not one plain address."""
    recipient = recipient_address(letter.to)
    message = EmailMessage(policy=SMTP if recipient.addr_spec.isascii() else SMTPUTF8)
    headers = {
        "From": sender,
        "To": recipient,
        "Subject": header_text(rendered.subject),
        "Date": now,
        "Message-ID": message_id(letter.op_key, sender.domain),
        # Out-of-office robots leave letters alone that say so; otherwise two robots could write to each other for ever.
        "Auto-Submitted": "auto-generated",
        "X-Case": header_text(letter.case_id),
    }
    for name, value in headers.items():
        message[name] = value
    message.set_content(rendered.text, cte="quoted-printable")
    message.add_alternative(rendered.html, subtype="html", cte="quoted-printable")
    for name, content in (documents or {}).items():
        message.add_attachment(content, maintype="application", subtype="pdf", filename=name)
    _insist_on_our_headers(message)
    return message


def _insist_on_our_headers(message: EmailMessage) -> None:
    """Read back what would be sent: were a header to break out of its line, it would show up as one more."""
    written = BytesParser(policy=message.policy).parsebytes(message.as_bytes(), headersonly=True)
    if [name.lower() for name in written] != [name.lower() for name in message]:
        raise unsendable("one of its headers would not stay on its line")
