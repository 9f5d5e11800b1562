"""The people who act on cases: their role, their address and the public key that proves a decision is theirs."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Engine, insert, select, update

from adapters.postgres.engine import transaction
from adapters.postgres.tables import operators
from billing.authority import Role
from billing.cases import OperatorId
from billing.disputes import Email, Line
from billing.emails import Recipient
from billing.failures import BillingFailure, FailureCode


class Operator(BaseModel):
    """One operator; `public_key` as `adapters.operator_keys.new_token` made it."""

    model_config = ConfigDict(frozen=True)

    operator_id: OperatorId
    name: Line
    email: Email
    role: Role
    public_key: str
    active: bool = True


class Operators:
    """Satisfies `OperatorDirectory`, and keeps the list."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def recipients(self, role: Role) -> list[Recipient]:
        return [
            Recipient(name=operator.name, email=operator.email)
            for operator in self.everyone()
            if operator.active and operator.role is role
        ]

    def role_of(self, operator_id: str) -> Role | None:
        operator = self.find(operator_id)
        return operator.role if operator and operator.active else None

    def find(self, operator_id: str) -> Operator | None:
        """The operator by id, an inactive one too; None when there never was one."""
        with transaction(self._engine) as connection:
            one = select(operators).where(operators.c.operator_id == operator_id)
            row = connection.execute(one).mappings().one_or_none()
        return Operator.model_validate(dict(row)) if row else None

    def everyone(self) -> list[Operator]:
        """All operators, inactive ones too, by operator id."""
        with transaction(self._engine) as connection:
            rows = connection.execute(select(operators).order_by(operators.c.operator_id)).mappings().all()
        return [Operator.model_validate(dict(row)) for row in rows]

    def add(self, operator: Operator) -> None:
        """Raises CONFLICT when the id or the key is taken."""
        with transaction(self._engine) as connection:
            connection.execute(insert(operators).values(operator.model_dump()))

    def deactivate(self, operator_id: str) -> None:
        """From now on nothing this operator signs counts; what was decided stays. Raises NOT_FOUND."""
        leave = update(operators).where(operators.c.operator_id == operator_id).values(active=False)
        with transaction(self._engine) as connection:
            if not connection.execute(leave).rowcount:
                raise BillingFailure(FailureCode.NOT_FOUND, f"there is no operator {operator_id}")
