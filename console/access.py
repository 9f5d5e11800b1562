"""What a customer's service is limited to, for gateways that hold a token for nothing else."""

import hmac
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from billing.access import Cause, Restriction
from billing.policy.standard import ACCESS
from billing.tenants import TenantId
from console.access_answers import AccessAnswers
from console.desk import Desk
from console.errors import Refusal

router = APIRouter(tags=["access"])

# Says that the books could not be asked: the answer is the last that is known.
STALE_HEADER = "X-Runbooks-Stale"
_CACHE_CONTROL = f"private, max-age={int(ACCESS.fresh_for.total_seconds())}"

_bearer = HTTPBearer(auto_error=False, description="an access token, as RUNBOOKS_ACCESS_TOKEN holds it")


class AccessAnswer(BaseModel):
    """What is left of a customer's service, the strictest of what delinquency, overage and operators ask for.

    `rate_share` is the part of the usual request rate that is left: 1 for `none`, 0 from `new_requests_blocked` on.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "tenant_id": "tarnwick",
                "restriction": "rate_limited",
                "rate_share": 0.5,
                "cause": "overage",
                "reason": "api_calls reached 120 % of 5,000 in the period that began on 2026-11-01",
                "since": "2026-11-20T14:00:03+00:00",
                "as_of": "2026-11-21T09:12:44+00:00",
                "stale": False,
            }
        }
    )

    tenant_id: str
    restriction: Restriction
    rate_share: float = Field(ge=0, le=1)
    cause: Cause | None
    reason: str = Field(description="for whoever calls; empty without a restriction")
    since: AwareDatetime | None = Field(description="when this restriction began, or the last one ended")
    as_of: AwareDatetime = Field(description="when the books said so")
    stale: bool = Field(description="true: the books could not be asked since")


# Not a plain function, which FastAPI would hand to a thread and back.
async def _gateway(
    request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> AccessAnswers:
    """Compared with every token in constant time; how long it takes tells nothing."""
    sent = given.credentials.encode() if given else b""
    if not sum(hmac.compare_digest(sent, token.encode()) for token in _desk(request).settings.access_tokens):
        raise Refusal(
            401,
            "not_signed_in",
            "send the header Authorization: Bearer <access token>",
            headers={"WWW-Authenticate": "Bearer"},
        )
    answers: AccessAnswers = request.app.state.access
    return answers


@router.get(
    "/access/{tenant_id}",
    response_model=AccessAnswer,
    responses={304: {"description": "nothing has changed since the answer whose ETag was sent"}},
)
async def access(
    tenant_id: TenantId, request: Request, answers: Annotated[AccessAnswers, Depends(_gateway)]
) -> Response:
    """What a gateway is to let through. Ask again every few seconds, with the ETag in `If-None-Match`.

    While the books are away the last answer is repeated, with `stale` in it and the header `X-Runbooks-Stale`; a 503 says
    that nothing was ever known.
    """
    answer = await answers.of(tenant_id)
    if not answer.exists:
        raise Refusal(404, "not_found", f"there is no tenant {tenant_id}")
    if answer.stale:
        _desk(request).metrics.stale_access.inc()
    headers = {"ETag": answer.kept.etag, "Cache-Control": _CACHE_CONTROL, "Age": str(int(answer.age))}
    if answer.stale:
        headers[STALE_HEADER] = "true"
    if _known_already(request.headers.get("if-none-match", ""), answer.kept.etag):
        return Response(status_code=304, headers=headers)
    return Response(answer.body, media_type="application/json", headers=headers)


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def _known_already(if_none_match: str, etag: str) -> bool:
    """Compared weakly: a cache on the way may have made the tag a strong one."""
    sent = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in sent or etag.removeprefix("W/") in sent
