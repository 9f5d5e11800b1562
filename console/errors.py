"""Every refusal in one shape: `{"error": {"code", "message", "fields": [{"field", "value", "message"}]}}`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel
from starlette.exceptions import HTTPException

from billing.failures import BillingFailure, FailureCode
from billing.redaction import redact_card_numbers
from starters.flaws import in_words, place_of, shown, value_of, worth_telling

log = structlog.get_logger("console")

# When to come back after an outage: long enough for a restart, short against any SLA.
RETRY_AFTER_SECONDS = 15
_LONGEST_MESSAGE = 300
# Whoever sends thousands of wrong fields is told of the first.
_MOST_FIELDS = 50

STATUS_OF: Mapping[FailureCode, int] = {
    FailureCode.NOT_FOUND: 404,
    FailureCode.INVALID: 422,
    FailureCode.CONFLICT: 409,
    FailureCode.STALE_DECISION: 409,
    FailureCode.NOT_APPROVED: 409,
    FailureCode.PROVIDER_REFUSED: 409,
    FailureCode.OUTCOME_UNKNOWN: 503,
    FailureCode.KEY_SPENT: 503,
    FailureCode.PROVIDER_BUSY: 503,
    FailureCode.UNAVAILABLE: 503,
}


# A body that stops FastAPI otherwise than by a missing bracket is not UTF-8, or nested or long beyond all use.
_ANSWERED_BY_FASTAPI: Mapping[int, tuple[str, str]] = {
    400: (
        "malformed_json",
        "the body is not JSON that can be read: send UTF-8, nested less deep, with shorter numbers",
    ),
    404: ("not_found", "there is nothing at this address: /docs lists what there is"),
    405: ("method_not_allowed", "this address does not take this method: /docs lists what it takes"),
}


class FieldError(BaseModel):
    """One thing wrong with one field; `value` is what was sent, shortened."""

    field: str
    value: str
    message: Annotated[str, AfterValidator(redact_card_numbers)]


class ErrorBody(BaseModel):
    """`code` is for programs, `message` for people; `fields` only where single fields are wrong."""

    code: str
    message: str
    fields: list[FieldError] = []


class ErrorAnswer(BaseModel):
    """What every answer of 400 and above looks like."""

    error: ErrorBody


# What any route may answer besides what it is for; a 400 is for what is no JSON.
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer} for status in (400, 401, 403, 404, 409, 413, 422, 503)
}


class Refusal(HTTPException):
    """A request that is answered with an error; an HTTPException, so that FastAPI lets it pass while it reads a body."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        fields: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        words = redact_card_numbers(message)
        super().__init__(status, words, dict(headers or {}))
        self.answer = ErrorAnswer(error=ErrorBody(code=code, message=words, fields=list(fields)))


def field_errors(flaws: Sequence[Mapping[str, Any]], *, within: int = 0) -> list[FieldError]:
    """Pydantic's findings as field errors; `within` parts of each location are ours and not the sender's."""
    return [
        FieldError(
            field=place_of(flaw, within=within) or "body",
            value=value_of(flaw),
            message=shown(in_words(flaw), longest=_LONGEST_MESSAGE),
        )
        for flaw in worth_telling(flaws[:_MOST_FIELDS])
    ]


def wrong_fields(flaws: Sequence[Mapping[str, Any]], *, within: int = 0) -> Refusal:
    """Refuse a request by what pydantic found in it; see `field_errors`."""
    return Refusal(422, "invalid", "some fields cannot be accepted", fields=field_errors(flaws, within=within))


def explain_errors(app: FastAPI) -> None:
    """Have every failure of the application answered in the one shape."""
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(BillingFailure, _failed)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _broken)


async def _refused(request: Request, refusal: Exception) -> JSONResponse:
    assert isinstance(refusal, Refusal)  # noqa: S101 - registered for this class
    return JSONResponse(refusal.answer.model_dump(), refusal.status_code, refusal.headers)


async def _failed(request: Request, failure: Exception) -> JSONResponse:
    assert isinstance(failure, BillingFailure)  # noqa: S101 - registered for this class
    status = STATUS_OF[failure.code]
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 503 else None
    return await _refused(request, Refusal(status, failure.code.value, failure.for_us, headers=headers))


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    for flaw in error.errors():
        if flaw["type"] == "json_invalid":
            words = f"the body is not JSON: {flaw['ctx']['error']} at character {flaw['loc'][-1]}"
            return await _refused(request, Refusal(400, "malformed_json", words))
    return await _refused(request, wrong_fields(error.errors(), within=1))


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    code, words = _ANSWERED_BY_FASTAPI.get(error.status_code, ("refused", str(error.detail)))
    return await _refused(request, Refusal(error.status_code, code, words, headers=error.headers))


async def _broken(request: Request, error: Exception) -> JSONResponse:
    log.error("request failed", path=request.url.path, kind=type(error).__name__, exc_info=error)
    return await _refused(request, Refusal(500, "internal", "something broke on our side; it is logged"))
