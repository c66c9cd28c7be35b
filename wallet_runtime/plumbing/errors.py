"""Errors that a handler may raise; each class becomes an HTTP answer (SPEC 1.6).

`status` is the HTTP status, `code` is the stable code in the answer's body. The docstring of a
class is its default message, so clients see it.
"""

from collections.abc import Mapping
from typing import Any

from wallet_runtime.contract.codes import (
    CANARY_TOKEN_INVALID,
    FENCING_TOKEN_OVERTAKEN,
    FENCING_TOKEN_REQUIRED,
    IDEMPOTENCY_ANSWER_PRUNED,
    IDEMPOTENCY_PAYLOAD_MISMATCH,
)


class ApiError(Exception):
    """The request could not be carried out."""

    status = 500
    code = "INTERNAL"

    def __init__(
        self,
        message: str | None = None,
        *,
        details: Mapping[str, Any] | None = None,
        retry_after: int | None = None,
    ) -> None:
        """Take the message, facts for the client's program, and the seconds until a retry."""
        self.message = message or " ".join((self.__doc__ or "").split())
        self.details = dict(details or {})
        self.retry_after = retry_after
        super().__init__(self.message)


class BadRequest(ApiError):
    """The request is not well formed."""

    status = 400
    code = "BAD_REQUEST"


class IdempotencyKeyRequired(BadRequest):
    """This route moves money: send an Idempotency-Key header.

    Send the same one when you repeat the request.
    """

    code = "IDEMPOTENCY_KEY_REQUIRED"


class RequestIdRequired(BadRequest):
    """This route changes something: send an X-Request-Id header.

    Send the same one when you repeat the request.
    """

    code = "REQUEST_ID_REQUIRED"


class FencingTokenRequired(BadRequest):
    """An operator's call that changes something needs its run's token in X-Fencing-Token."""

    code = FENCING_TOKEN_REQUIRED


class Unauthorized(ApiError):
    """The credentials are missing, wrong or malformed."""

    status = 401
    code = "UNAUTHORIZED"


class Forbidden(ApiError):
    """The caller is known, but may not do this."""

    status = 403
    code = "FORBIDDEN"


class CanaryTokenInvalid(Forbidden):
    """The canary token is no pass of the run in charge for this brand and player.

    Nothing was changed.
    """

    code = CANARY_TOKEN_INVALID


class PersonNotSigned(Forbidden):
    """This act counts persons, and who asks for it is not signed: send it through admin_service.

    Nothing was changed.
    """

    code = "PERSON_NOT_SIGNED"


class NotFound(ApiError):
    """There is nothing here under that name."""

    status = 404
    code = "NOT_FOUND"


class MethodNotAllowed(ApiError):
    """This path does not take that method."""

    status = 405
    code = "METHOD_NOT_ALLOWED"


class RequestTooSlow(ApiError):
    """The body did not arrive in time."""

    status = 408
    code = "REQUEST_TIMEOUT"


class Conflict(ApiError):
    """The request does not fit the present state."""

    status = 409
    code = "CONFLICT"


class FencingTokenOvertaken(Conflict):
    """Another run has taken over since this fencing token was given; nothing was changed."""

    code = FENCING_TOKEN_OVERTAKEN


class PayloadMismatch(Conflict):
    """This request id was used before with another payload."""

    code = IDEMPOTENCY_PAYLOAD_MISMATCH


class AnswerPruned(Conflict):
    """This request was answered before, so it is not carried out again.

    Its answer is no longer kept.
    """

    code = IDEMPOTENCY_ANSWER_PRUNED


class BodyTooLarge(ApiError):
    """The body is larger than this service reads."""

    status = 413
    code = "BODY_TOO_LARGE"


class UnsupportedMediaType(ApiError):
    """The body must be application/json in UTF-8."""

    status = 415
    code = "UNSUPPORTED_MEDIA_TYPE"


class Invalid(ApiError):
    """The request is understood, but a value in it is not valid."""

    status = 422
    code = "INVALID"


class BrandRequired(Invalid):
    """This route belongs to one brand: send its id in the X-Brand-Id header."""

    code = "BRAND_REQUIRED"


class Unavailable(ApiError):
    """A part that this request needs does not answer; repeat it later under the same request id."""

    status = 503
    code = "UNAVAILABLE"

    def __init__(
        self,
        message: str | None = None,
        *,
        details: Mapping[str, Any] | None = None,
        retry_after: int | None = 1,
    ) -> None:
        """Take the arguments of `ApiError`; a 503 has a retry time by default."""
        super().__init__(message, details=details, retry_after=retry_after)


class ServiceBusy(Unavailable):
    """The service is at its limit; nothing was changed. Repeat the request later."""

    code = "BUSY"
    # PostgreSQL's context of the lock wait. It is for logic in stores and never sent to a client.
    context = ""


class Maintenance(Unavailable):
    """Money does not move now, by an operator's decision; nothing was changed.

    Repeat the request later.
    """

    code = "MAINTENANCE"


class OutcomeUnknown(ApiError):
    """The other side took the request, but its answer did not arrive.

    Repeat it under the same request id to learn it.
    """

    status = 504
    code = "OUTCOME_UNKNOWN"


class PassedThrough(ApiError):
    """Another service answered with an error."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: Mapping[str, Any],
        retry_after: int | None = None,
    ) -> None:
        """Take the status, code, message and details of the other service's answer."""
        super().__init__(message, details=details, retry_after=retry_after)
        self.status = status
        self.code = code
