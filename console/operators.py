"""Who is asking: the bearer token of an operator, checked on every request."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from adapters.postgres.operators import Operator
from console.desk import AtDesk
from console.errors import Refusal
from starters.permissions import Deed, NotAllowedError, UnknownOperatorError, identified, permit

_bearer = HTTPBearer(auto_error=False, description="an operator token, as `runbooks operators add` printed it")


@dataclass(frozen=True)
class Signed:
    """An operator who has proven who they are, with the token that signs what they decide."""

    operator: Operator
    token: str

    @property
    def operator_id(self) -> str:
        """Whose decision it is in every record."""
        return self.operator.operator_id


def _signed_in_for(deed: Deed) -> Callable[..., Signed]:
    # A plain function, so that FastAPI asks the database in a thread.
    def signed_in(desk: AtDesk, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Signed:
        try:
            if given is None:
                raise UnknownOperatorError("send the header Authorization: Bearer <operator token>")
            operator = identified(given.credentials, desk.books.operators)
            permit(operator, deed)
        except UnknownOperatorError as error:
            raise Refusal(401, "not_signed_in", str(error), headers={"WWW-Authenticate": "Bearer"}) from None
        except NotAllowedError as error:
            raise Refusal(403, "not_allowed", str(error)) from None
        return Signed(operator=operator, token=given.credentials)

    return signed_in


SignedIn = Annotated[Signed, Depends(_signed_in_for(Deed.LOOK))]
MayConverse = Annotated[Signed, Depends(_signed_in_for(Deed.CONVERSE))]
MayJudge = Annotated[Signed, Depends(_signed_in_for(Deed.JUDGE))]
MayDeEscalate = Annotated[Signed, Depends(_signed_in_for(Deed.DE_ESCALATE))]
MayRepair = Annotated[Signed, Depends(_signed_in_for(Deed.REPAIR))]
MayDecide = Annotated[Signed, Depends(_signed_in_for(Deed.DECIDE))]
MayRunMonthEnd = Annotated[Signed, Depends(_signed_in_for(Deed.RUN_MONTH_END))]
MayHold = Annotated[Signed, Depends(_signed_in_for(Deed.HOLD))]
MayReconcile = Annotated[Signed, Depends(_signed_in_for(Deed.RECONCILE))]
MayVoidDuplicates = Annotated[Signed, Depends(_signed_in_for(Deed.VOID_DUPLICATES))]
MayCorrect = Annotated[Signed, Depends(_signed_in_for(Deed.CORRECT))]
MayCharge = Annotated[Signed, Depends(_signed_in_for(Deed.CHARGE))]
MayLimit = Annotated[Signed, Depends(_signed_in_for(Deed.LIMIT_ACCESS))]
MayArrange = Annotated[Signed, Depends(_signed_in_for(Deed.ARRANGE))]
MayPlanPurge = Annotated[Signed, Depends(_signed_in_for(Deed.PLAN_PURGE))]
MayConfirmPurge = Annotated[Signed, Depends(_signed_in_for(Deed.CONFIRM_PURGE))]
MayInvite = Annotated[Signed, Depends(_signed_in_for(Deed.INVITE))]
