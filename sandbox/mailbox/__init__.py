"""A mail server that delivers to nobody and shows everything, and that fails in the ways a script asks for.

`python -m sandbox.mailbox --smtp-port 1025 --http-port 8025 --data DIR` runs it beside the sandbox's other parts;
`running_mailbox()` runs it inside a test.
"""

from sandbox.mailbox.faults import Fault, FaultKind
from sandbox.mailbox.server import RunningMailbox, running_mailbox
from sandbox.mailbox.store import Mail, MailStore

__all__ = ["Fault", "FaultKind", "Mail", "MailStore", "RunningMailbox", "running_mailbox"]
