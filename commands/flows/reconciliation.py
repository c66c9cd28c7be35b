"""Forced reconciliation (PRD-T2c, PRD-4c): a cycle of wallet_service finds no drift.

The drift metric must be 0, and the money checks must find no drift either.
"""

import re
from collections.abc import Mapping
from typing import Any

from checks.money import conservation, ledger_tips, records_agree
from checks.platform._endpoint import ask_every_copy
from rubyops.errors import CheckFailed, Inconclusive
from rubyops.model.finding import Finding
from rubyops.ports import Actor, HttpAnswer, Read
from wallet_runtime.contract.processes import WALLET_SERVICE

TITLE = "reconciliation"
PATH = "/internal/wallet/v2/reconciliation/run"
GAUGE = "wallet_ledger_reconciliation_drift_buckets"
_LINE = re.compile(rf"^{GAUGE}(?:\{{[^}}]*\}})? (\S+)$", re.MULTILINE)


def forced_cycle(actor: Actor) -> dict[str, object]:
    """Force a cycle, run the money checks, and read the drift metric. All must find no drift."""
    cycle = _run(actor)
    _demand_checks(actor.read)
    found = (cycle.get("drift_buckets"), cycle.get("conservation_breaks"))
    if found != (0, 0):
        raise CheckFailed(
            f"{TITLE}: expected 0 drifts and 0 breaks, the cycle found {found[0]} and {found[1]}",
            details={"samples": cycle.get("samples")},
        )
    return {"drift_buckets": 0, "conservation_breaks": 0, GAUGE: _gauge(actor.read)}


def _run(actor: Actor) -> Mapping[str, Any]:
    answer = actor.as_operator(WALLET_SERVICE, "POST", PATH, {}, key="cycle")
    body: Mapping[str, Any] = answer.body if isinstance(answer.body, Mapping) else {}
    if answer.status != 200:
        reason = body.get("code") or answer.error or ""
        raise CheckFailed(
            f"{TITLE}: expected 200 on {PATH}, found {answer.status} {reason}".rstrip()
        )
    return body


def _demand_checks(read: Read) -> None:
    """Raise `CheckFailed` if a money check fails, and `Inconclusive` if there is no account."""
    tips = ledger_tips.run(read)
    for finding in (tips, conservation.run(read), records_agree.run(read)):
        if not finding.ok:
            raise CheckFailed(f"{TITLE}: {finding.summary}", details=finding.details)
    if tips.details.get("accounts") == 0:
        raise Inconclusive(f"{TITLE}: {tips.summary}, so a cycle proves nothing")


def _gauge(read: Read) -> str:
    """Return "0", the value of the drift gauge. Raises `CheckFailed` if a copy has another value.

    Every copy is asked, because only the copy that ran the cycle has set its gauge.
    """
    values = _values(read)
    if not values or any(value not in ("0", "0.0") for value in values):
        raise CheckFailed(
            f"{TITLE}: expected {GAUGE} 0 on wallet_service, "
            f"found {', '.join(values) or 'no such gauge'}"
        )
    return "0"


def _values(read: Read) -> list[str]:
    answers = ask_every_copy(read, "/metrics")
    if isinstance(answers, Finding):
        raise Inconclusive(f"{TITLE}: {answers.summary}", details=answers.details)
    return [value for answer in answers.values() for value in _LINE.findall(_text(answer))]


def _text(answer: HttpAnswer) -> str:
    return answer.body if isinstance(answer.body, str) else ""
