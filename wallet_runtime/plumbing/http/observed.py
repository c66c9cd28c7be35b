"""The routes `/health` and `/metrics` of every process."""

import msgspec
from starlette.types import Receive, Scope, Send

from wallet_runtime.contract.secrets import masked
from wallet_runtime.plumbing.errors import Unauthorized
from wallet_runtime.plumbing.http import auth
from wallet_runtime.plumbing.http.envelope import send_answer
from wallet_runtime.plumbing.http.headers import Headers
from wallet_runtime.plumbing.runtime import metrics
from wallet_runtime.plumbing.runtime.context import Context
from wallet_runtime.plumbing.runtime.health import Health

TOLD_TO_ALL = ("process", "status")


class HealthEndpoint:
    """`GET /health`: 200, or 503 if failing. It returns the last results and never blocks."""

    def __init__(self, context: Context, health: Health) -> None:
        """Take the process's context and health."""
        self._settings, self._health = context.settings, health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; without credentials the answer has only process and status."""
        answer = self._answer(scope["headers_read"])
        status = 503 if answer["status"] == "failing" else 200
        # Secrets are masked, because a check's result may be the text of an exception.
        text = masked(msgspec.json.encode(answer).decode())
        await send_answer(scope, send, status, text.encode(), {})

    def _answer(self, headers: Headers) -> dict[str, object]:
        answer = self._health.answer()
        if auth.may_observe(self._settings, headers):
            return answer
        return {name: answer[name] for name in TOLD_TO_ALL}


class MetricsEndpoint:
    """`GET /metrics`: the process's metrics, for callers with a token of this process."""

    def __init__(self, context: Context) -> None:
        """Take the process's context."""
        self._settings = context.settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or raise `Unauthorized` (401)."""
        if not auth.may_observe(self._settings, scope["headers_read"]):
            raise Unauthorized("metrics are for a caller with a token of this process")
        await send_answer(
            scope, send, 200, metrics.scrape(), {"Content-Type": metrics.CONTENT_TYPE}
        )
