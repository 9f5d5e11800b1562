"""What a command works with: the settings, the books, Temporal, and the person who asks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from temporalio.client import Client

from adapters.postgres.books import Books
from adapters.postgres.operators import Operator
from billing.disputes import case_id
from settings import Settings, load_settings
from starters.books import open_books
from starters.cli.mistakes import BadInputError
from starters.connect import connected
from starters.permissions import Deed, identified, permit

# Beside `sandbox.json`: operator id to token, written with the sample data.
OPERATORS_FILE = "operators.json"

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Signer:
    """The person who asks, with the token that signs what they decide."""

    operator: Operator
    token: str = field(repr=False)

    @property
    def operator_id(self) -> str:
        """Whose decision it is in every record."""
        return self.operator.operator_id


class Session:
    """One command's way to everything; nothing is read or connected before it is needed."""

    def __init__(self, data: Path | None = None) -> None:
        self._data = data

    @cached_property
    def settings(self) -> Settings:
        """Read once, at first use; raises SettingsError naming the variable."""
        return load_settings(data=self._data)

    @cached_property
    def books(self) -> Books:
        """Opened once, at first use; `close` gives the connections back."""
        return open_books(self.settings)

    def close(self) -> None:
        """Give the database's connections back, if there were any."""
        if "books" in vars(self):
            self.books.close()

    def ask(self, question: Callable[[Client], Awaitable[Answer]]) -> Answer:
        """Ask Temporal something and wait for the answer."""

        async def asked() -> Answer:
            async with connected(self.settings) as client:
                return await question(client)

        return asyncio.run(asked())

    def signer(self, token: str | None, name: str | None, deed: Deed) -> Signer:
        """Who asks: `--token`, else `--as` in the sandbox, else the environment. Raises when they may not do it."""
        secret = token or (self._sandbox_token(name) if name else None)
        if secret is None and self.settings.operator_token:
            secret = self.settings.operator_token.get_secret_value()
        if secret is None:
            known = ", ".join(sorted(self._sandbox_operators()))
            hint = f" In this sandbox: --as {known}." if known else ""
            raise BadInputError(
                f"say who you are: --token TOKEN, or set RUNBOOKS_OPERATOR_TOKEN to the operator token.{hint}"
            )
        operator = identified(secret, self.books.operators)
        permit(operator, deed)
        return Signer(operator=operator, token=secret)

    def _sandbox_token(self, name: str) -> str:
        tokens = self._sandbox_operators()
        if name in tokens:
            return tokens[name]
        raise BadInputError(
            f"--as {name}: the sandbox in {self.settings.data} has no such operator; "
            f"{'it has ' + ', '.join(sorted(tokens)) if tokens else 'is `runbooks up` running?'}"
        )

    def _sandbox_operators(self) -> dict[str, str]:
        """The sandbox's tokens by operator id and, where that is an address, by what stands before the @."""
        try:
            tokens: dict[str, str] = json.loads((self.settings.data / OPERATORS_FILE).read_text())
        except (OSError, ValueError):
            return {}
        return {operator_id.partition("@")[0]: token for operator_id, token in tokens.items()} | tokens


def case_named(name: str) -> str:
    """A case by its id or by its ticket's."""
    return name if name.startswith("dispute/") else case_id(name)
