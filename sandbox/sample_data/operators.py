"""The people of the sample company who decide, named by their role."""

from __future__ import annotations

from sqlalchemy import Engine

from adapters.operator_keys import new_token
from adapters.postgres.operators import Operator, Operators
from billing.authority import Role

STAFF: dict[str, Role] = {
    "agent-1": Role.AGENT,
    "agent-2": Role.AGENT,
    "lead-1": Role.LEAD,
    "lead-2": Role.LEAD,
    "engineering-1": Role.ENGINEERING,
    "finance-1": Role.FINANCE,
    "vp-1": Role.VP,
    "vp-2": Role.VP,
    "account-manager-1": Role.ACCOUNT_MANAGER,
}


def hire(engine: Engine) -> dict[str, str]:
    """Add whoever is not there yet; returns the new ones' tokens, which are kept nowhere else."""
    known = Operators(engine)
    return {operator_id: _join(known, operator_id, role) for operator_id, role in STAFF.items()
            if known.find(operator_id) is None}  # fmt: skip


def _join(known: Operators, operator_id: str, role: Role) -> str:
    token, public_key = new_token(operator_id)
    known.add(
        Operator(
            operator_id=operator_id,
            name=_name(operator_id),
            email=f"{operator_id}@ops.example",
            role=role,
            public_key=public_key,
        )
    )
    return token


def _name(operator_id: str) -> str:
    """How a letter addresses them: `vp-1` is VP 1, `account-manager-1` is Account manager 1."""
    words = operator_id.replace("-", " ")
    return words.upper() if words.startswith("vp") else words.capitalize()
