"""What will happen to an object later on the simulator's clock, such as a refund that arrives after an hour."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.stripe.state.account import Account, new_id
from sandbox.stripe.state.store import Store

KIND = "_appointment"
Action = Callable[[Account, str], None]

_ACTIONS: dict[str, Action] = {}


def keeps(name: str) -> Callable[[Action], Action]:
    """Register the decorated function as what an appointment of this name does to its object."""

    def register(action: Action) -> Action:
        _ACTIONS[name] = action
        return action

    return register


def make(account: Account, name: str, subject: str, after_seconds: int) -> None:
    """Have `name` happen to the object `subject` after a while."""
    due = account.now() + after_seconds
    account.store.put({"id": new_id("apt"), "object": KIND, "name": name, "subject": subject, "due": due})


def next_due(store: Store) -> int | None:
    """Seconds since the epoch of the earliest appointment, or None."""
    return min((appointment["due"] for appointment in store.all(KIND)), default=None)


def keep_due(account: Account) -> None:
    """Do everything whose time has come."""
    for appointment in account.store.all(KIND):
        if appointment["due"] <= account.now():
            with account.store.transaction():
                _ACTIONS[appointment["name"]](account, appointment["subject"])
                account.store.delete(KIND, appointment["id"])
