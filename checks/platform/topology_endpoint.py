"""The topology endpoint answers the active code and version, and they are the database's.

When it fails, callers use a topology that is not active, or find none.
"""

from collections.abc import Mapping

from checks.platform._endpoint import ask_every_copy
from rubyops.model.finding import Finding, failed, passed
from rubyops.model.step import Check
from rubyops.ports import HttpAnswer, Read

PATH = "/internal/wallet/topology/active"


def run(read: Read) -> Finding:
    """Ask every copy of wallet_service, and compare with the gate row."""
    gate = read.one("facts_gate")
    expected = (gate["topology_code"], gate["topology_version"])
    if expected[0] is None:
        return failed(
            "no topology is active; seed and activate one: "
            "rubyops topology seed, rubyops topology activate"
        )
    answers = ask_every_copy(read, PATH)
    if isinstance(answers, Finding):
        return answers
    active = f"{expected[0]} v{expected[1]}"
    for number, answer in sorted(answers.items()):
        if other := _other(answer, expected):
            return failed(f"wallet_service copy {number} answered {other}; active is {active}")
    return passed(active, topology_code=expected[0], topology_version=expected[1])


def _other(answer: HttpAnswer, expected: tuple[object, object]) -> str | None:
    """Describe an answer that is not the expected topology."""
    body = answer.body if isinstance(answer.body, Mapping) else {}
    found = (body.get("topology_code"), body.get("topology_version"))
    if answer.status == 200 and found == expected:
        return None
    return answer.error or f"{answer.status} {found[0]} v{found[1]}"


CHECK = Check(
    "topology-endpoint", "The topology endpoint gives the active version", ("SMK-2",), run
)
