"""The policy endpoint answers exactly the active policies, each bound to the active topology.

When it fails, provider callbacks find no funding rule, or a funding rule of an inactive policy.
"""

from collections.abc import Mapping
from typing import Any

from checks.platform._endpoint import ask_every_copy
from rubyops.model.finding import Finding, failed, passed
from rubyops.model.step import Check
from rubyops.ports import HttpAnswer, Read, Row

PATH = "/internal/wallet/policy/active"


def run(read: Read) -> Finding:
    """Ask every copy of wallet_service, and compare with the ACTIVE rows of the database."""
    expected = _lines(read.rows("facts_active_policies"))
    if not expected:
        return failed(
            "no policy is active; activate a topology with its policy: rubyops topology activate"
        )
    answers = ask_every_copy(read, PATH)
    if isinstance(answers, Finding):
        return answers
    for number, answer in sorted(answers.items()):
        fault = _fault(answer, expected)
        if fault:
            return failed(f"wallet_service copy {number} {fault}")
    return passed("; ".join(expected), policies=expected)


def _fault(answer: HttpAnswer, expected: list[str]) -> str | None:
    if answer.status != 200 or not isinstance(answer.body, Mapping):
        return f"answered {answer.error or answer.status} on {PATH}, expected 200"
    found = _lines(answer.body.get("policies") or [])
    if found == expected:
        return None
    says = "; ".join(found) or "nothing"
    return f"says {says}; active are {'; '.join(expected)}"


def _lines(policies: list[Row] | list[Any]) -> list[str]:
    return sorted(
        f"{p['policy_key']} v{p['version']} for {p['topology_code']} v{p['topology_version']}"
        for p in policies
    )


CHECK = Check("policy-endpoint", "The policy endpoint gives the active versions", ("SMK-3",), run)
