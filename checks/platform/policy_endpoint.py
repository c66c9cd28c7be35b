"""The policy endpoint answers exactly the active policies of the database, each bound to the active topology.

When it fails, provider callbacks cannot be resolved to a funding rule, or are by a rule that is not in force.
"""

from collections.abc import Mapping
from typing import Any

from rubyops.model.finding import Finding, failed, passed
from rubyops.model.step import Check
from rubyops.ports import Read, Row
from wallet_runtime.contract import WALLET_SERVICE

PATH = "/internal/wallet/policy/active"


def run(read: Read) -> Finding:
    """Compare the endpoint's policies with the ACTIVE rows."""
    active = read.rows("facts_active_policies")
    answer = read.get(WALLET_SERVICE, PATH)
    if answer.status != 200 or not isinstance(answer.body, Mapping):
        return failed(f"wallet_service answered {answer.error or answer.status} on {PATH}, expected 200")
    expected, found = _lines(active), _lines(answer.body.get("policies") or [])
    if not expected:
        return failed("no policy is active; activate a topology with its policy: rubyops topology activate")
    if found != expected:
        return failed(f"the endpoint says {'; '.join(found) or 'nothing'}; active are {'; '.join(expected)}")
    return passed("; ".join(expected), policies=expected)


def _lines(policies: list[Row] | list[Any]) -> list[str]:
    return sorted(f"{p['policy_key']} v{p['version']} for {p['topology_code']} v{p['topology_version']}" for p in policies)


CHECK = Check("policy-endpoint", "The policy endpoint gives the active versions", ("SMK-3",), run)
