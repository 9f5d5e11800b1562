"""Which function answers which method and path, and which of Stripe's parameters it imitates."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.stripe.contract.operations import request_schema
from sandbox.stripe.errors import NotFound, not_imitated
from sandbox.stripe.forms import Params, decode, parse
from sandbox.stripe.state.store import Obj

Endpoint = Callable[..., Obj]
"""Called with the account, the decoded parameters, and the ids in the path by their names."""

PAGING = "limit starting_after ending_before"


@dataclass(frozen=True)
class Route:
    """One endpoint."""

    method: str
    path: str
    """With placeholders, such as `/v1/invoices/{invoice}/pay`."""
    takes: frozenset[str]
    answer: Endpoint

    @property
    def pattern(self) -> re.Pattern[str]:
        """Matches request paths and captures their ids."""
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path))

    def decoded(self, encoded: str) -> Params:
        """The typed parameters of a request; raises `InvalidParameter` for what Stripe or the simulator refuses."""
        params: Params = decode(parse(encoded), request_schema(self.method, self.path))
        for name in params:
            if name not in self.takes:
                raise not_imitated(name)
        return params


ROUTES: list[Route] = []


def route(method: str, path: str, takes: str = "") -> Callable[[Endpoint], Endpoint]:
    """Register the decorated function; `takes` lists the parameters it imitates, separated by spaces."""

    def register(answer: Endpoint) -> Endpoint:
        ROUTES.append(Route(method, path, frozenset([*takes.split(), "expand"]), answer))
        return answer

    return register


class Router:
    """Finds the route of a request among all registered ones."""

    def __init__(self) -> None:
        # Fixed paths before placeholders: `/v1/credit_notes/preview` is not a credit note called "preview".
        ordered = sorted(ROUTES, key=lambda route: route.path.count("{"))
        self._routes = [(route.method, route.pattern, route) for route in ordered]

    def find(self, method: str, path: str) -> tuple[Route, dict[str, Any]]:
        """The route and the ids in the path; raises `NotFound`."""
        for candidate, pattern, route in self._routes:
            if candidate == method and (match := pattern.fullmatch(path)):
                return route, match.groupdict()
        raise NotFound(
            f"Unrecognized request URL ({method}: {path}). The simulator imitates invoicing, payments and webhooks only."
        )
