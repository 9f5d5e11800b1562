"""Checking that a person may do what they ask a case to do."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict
from temporalio import activity

from activities.ports import OperatorDirectory
from billing.authority import Role


class Permission(BaseModel):
    """An operator and the roles of which they need one; `deed` completes the sentence "may not ..."."""

    model_config = ConfigDict(frozen=True)

    operator_id: str
    roles: tuple[Role, ...]
    deed: str


@dataclass(frozen=True)
class Operators:
    """The verb that asks whether somebody may; approvals ask their own desk."""

    operators: OperatorDirectory

    @activity.defn(name="check_permission", no_thread_cancel_exception=True)
    def objection(self, permission: Permission) -> str | None:
        """Why the operator may not do it, as a sentence; None when they may."""
        role = self.operators.role_of(permission.operator_id)
        if role in permission.roles:
            return None
        needed = " or ".join(permission.roles)
        return f"{permission.operator_id} may not {permission.deed}: an active {needed} is needed"
