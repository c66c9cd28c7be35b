"""Finds the previous pair, and the reasons that forbid a return to it (PRD-T2b)."""

from itertools import chain
from urllib.parse import quote

from checks.platform._endpoint import ask_every_copy
from commands._pairs import Pair, pair_before
from rubyops.errors import Refused, Unreachable
from rubyops.model.finding import Finding
from rubyops.ports import HttpAnswer, Read, Row

LISTED_MAX = 20
_ANSWERED = 200


def pair_to_go_back_to(read: Read) -> Pair:
    """Return the previous pair. Raises `Refused` when there is none."""
    before = pair_before(read.rows("facts_activations"))
    if before is None:
        raise Refused(
            "There is no pair to go back to: no other one was active before the present one, so "
            "tier 2 does not apply.",
            next_command="rubyops topology show",
        )
    return before


def refuse_open_bets(read: Read, candidate: Pair | None) -> None:
    """Raise `Refused` while accepted bets are open on `candidate`, the pair that is active now.

    The refusal lists the bets and the commands that close them. It is also raised when no pair is
    active, because the open bets cannot be looked up then.
    """
    if candidate is None:
        raise Refused(
            "Going back refused: no pair is active, so which bets it would strand is not known.",
            next_command="rubyops topology history",
        )
    code, version = candidate.topology_code, candidate.topology_version
    bets = read.rows("facts_open_bets", code=code, version=version, limit=LISTED_MAX)
    if bets:
        raise _stranded(candidate, bets)


def _stranded(candidate: Pair, bets: list[Row]) -> Refused:
    ids, total = [bet["authorization_id"] for bet in bets], bets[0]["total"]
    bets_are = "1 accepted bet is" if total == 1 else f"{total} accepted bets are"
    head = (
        f"Going back refused: {bets_are} open on {candidate} and would be stranded (PRD-T2b). "
        "Settle or roll back each:"
    )
    return Refused(
        "\n".join([head, *map(_line, bets), *_more(total, len(bets))]),
        next_command=(
            f"rubyops bets settle {ids[0]} --payout AMOUNT   |   rubyops bets rollback {ids[0]}"
        ),
        details={"authorizations": ids, "total": total},
    )


def _line(bet: Row) -> str:
    named = f"  {bet['authorization_id']} bet {bet['bet_id']} at {bet['provider_id']}"
    return f"{named}, stake {bet['stake']} minor units of {bet['currency']}"


def _more(total: int, listed: int) -> list[str]:
    return [f"  ... and {total - listed} more"] if total > listed else []


def refuse_what_activation_would(read: Read, target: Pair) -> None:
    """Raise `Refused`, with every reason, if wallet_service would refuse to activate this pair.

    wallet_service applies the rules of an activation (A7-1 to A7-8) without activating. Raises
    `Unreachable` when a copy does not answer.
    """
    answers = ask_every_copy(read, _activation_path(target))
    if isinstance(answers, Finding):
        raise _not_told(target, answers.summary)
    told = (_violations(target, number, answer) for number, answer in answers.items())
    found = list(dict.fromkeys(chain.from_iterable(told)))
    if not found:
        return
    listed = [f"  {text}" for text in found[:LISTED_MAX]]
    lines = [_refusal(target, len(found)), *listed, *_more(len(found), LISTED_MAX)]
    raise Refused(
        "\n".join(lines),
        next_command="rubyops topology save FILE   |   rubyops topology show",
        details={"violations": found},
    )


def _activation_path(target: Pair) -> str:
    code, key = quote(target.topology_code, safe=""), quote(target.policy_key, safe="")
    pair = f"{target.topology_version}/{key}/{target.policy_version}"
    return f"/internal/wallet/topology/{code}/activate/{pair}"


def _refusal(target: Pair, count: int) -> str:
    rules = "1 rule forbids" if count == 1 else f"{count} rules forbid"
    return (
        f"Going back refused: {rules} the activation of {target}. Only a pair that keeps every "
        "bucket which is in use may be activated: stay with the present one, or save and activate "
        "a version that keeps these buckets. Found:"
    )


def _violations(target: Pair, number: int, answer: HttpAnswer) -> list[str]:
    body = answer.body if isinstance(answer.body, dict) else {}
    violations = body.get("violations")
    if answer.status != _ANSWERED or not isinstance(violations, list):
        said = answer.error or f"it answered {answer.status}: {body.get('message', answer.body)}"
        raise _not_told(target, f"wallet_service copy {number}: {said}")
    return [f"{each['rule']} {each['path']}: {each['message']}" for each in violations]


def _not_told(target: Pair, why: str) -> Unreachable:
    return Unreachable(
        f"Whether {target} can be activated is not known: {why}",
        next_command="rubyops status",
    )
