"""Helpers for answers of wallet_service."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from rubyops.errors import RubyopsError, Unreachable
from rubyops.ports import HttpAnswer, Read
from wallet_runtime.contract.processes import WALLET_SERVICE

PREFIX = "/internal/wallet"
NOT_FOUND, CONFLICT, NOT_READY = 404, 409, 503


def accepted(answer: HttpAnswer, *, allowed: tuple[int, ...] = ()) -> dict[str, Any] | None:
    """Return the body of a success, None for a status in `allowed`; else raise the error."""
    if answer.status == 0:
        raise Unreachable(
            f"wallet_service does not answer: {answer.error}", next_command="rubyops status"
        )
    if answer.status in allowed:
        return None
    if not 200 <= answer.status < 300 or not isinstance(answer.body, dict):  # noqa: PLR2004
        raise answered(answer)
    return answer.body


def answered(answer: HttpAnswer) -> RubyopsError:
    """Make the error for an unexpected answer."""
    return RubyopsError(f"wallet_service answered {answer.status}: {answer.body}")


def saved_documents(read: Read, kind: str, name: str) -> Mapping[int, Any] | None:
    """Return {version: document} of a topology or policy, None when none is saved."""
    answer = read.get(WALLET_SERVICE, f"{PREFIX}/{kind}/{quote(name, safe='')}")
    body = accepted(answer, allowed=(NOT_FOUND,))
    if body is None:
        return None
    if "versions" not in body:
        raise answered(answer)
    return {int(item["version"]): item["document"] for item in body["versions"]}
