"""A postman with a mailbox in memory, for tests of what is written and when."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from activities.ports import ProviderAnswer
from adapters.mail.headers import message_id, recipient_address
from adapters.mail.render import House, RenderedLetter, render
from billing.emails import Letter
from billing.failures import BillingFailure, FailureCode

HOUSE = House("Billing Support", "billing@billing.example", "https://pay.billing.example/sign-in")


@dataclass(frozen=True)
class Delivered:
    """A letter in the mailbox, as it was written and as it reads."""

    message_id: str
    letter: Letter
    rendered: RenderedLetter


@dataclass
class FakePostman:
    """Satisfies Postman. `mailbox` holds every copy that arrived; `fail_next` scripts what goes wrong, in order."""

    mailbox: list[Delivered] = field(default_factory=list)
    _script: deque[tuple[FailureCode, bool]] = field(default_factory=deque)

    def fail_next(self, code: FailureCode, *, arrives: bool = False, times: int = 1) -> None:
        """Have the next deliveries fail with `code`; with `arrives` the letter is in the mailbox all the same."""
        self._script.extend([(code, arrives)] * times)

    def recovers(self) -> None:
        """Whatever was scripted to fail still does not."""
        self._script.clear()

    def deliver(self, letter: Letter) -> ProviderAnswer:
        recipient_address(letter.to)
        delivered = Delivered(message_id(letter.op_key, "billing.example"), letter, render(letter, HOUSE))
        code, arrives = self._script.popleft() if self._script else (None, True)
        if arrives:
            self.mailbox.append(delivered)
        if code is not None:
            raise BillingFailure(code, f"scripted for {letter.op_key}")
        return ProviderAnswer(provider_id=delivered.message_id, kept={"subject": delivered.rendered.subject})

    @property
    def sent(self) -> list[str]:
        """The templates that arrived, in order."""
        return [delivered.letter.payload.template for delivered in self.mailbox]
