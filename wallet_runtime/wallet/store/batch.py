"""Batches of commands: one round trip reads all states, a second one applies all decisions.

A batch only saves round trips and commits. Each command has its own request id, answer and errors,
as if it were sent alone. Commands of one player are carried out one after the other, in the given
order.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from wallet_runtime.contract import sqlstates
from wallet_runtime.plumbing.errors import ApiError, FencingTokenOvertaken, ServiceBusy
from wallet_runtime.plumbing.runtime import failpoint
from wallet_runtime.plumbing.runtime.database import BUSY_STATES, DatabaseSession
from wallet_runtime.wallet.domain.answers import Answer
from wallet_runtime.wallet.domain.decision import Decision
from wallet_runtime.wallet.domain.reads import ReadMore, Reads
from wallet_runtime.wallet.domain.state import Request, State
from wallet_runtime.wallet.store import money as one
from wallet_runtime.wallet.store.command import command_of, encoded, state_wanted
from wallet_runtime.wallet.store.money import Decide, Money
from wallet_runtime.wallet.store.outcomes import FAILED, Outcome, read_outcomes
from wallet_runtime.wallet.store.refusals import refusal

COMMANDS_MAX = 50
SECONDS_MAX = 10.0
Result = tuple[int, Answer] | ApiError


@dataclass
class BatchItem:
    """A command, in the arguments of `Money.perform`, with its progress in the batch.

    `attempts` counts the tries that another command of the same player made outdated. `result` is
    None until the command is finished.
    """

    request: Request
    reads: Reads
    decide: Decide
    attempts: int = 0
    result: Result | None = None


Decided = tuple[BatchItem, State, Decision]


def perform_many(money: Money, items: Sequence[BatchItem]) -> list[Result]:
    """Carry out at most `COMMANDS_MAX` commands, each once per request id.

    Return for each command its status and body, or the error that `Money.perform` would raise.

    The result of a command that is not finished within `SECONDS_MAX` is `ServiceBusy`. The caller
    may repeat such a command under the same request id.
    """
    assert len(items) <= COMMANDS_MAX
    until = time.monotonic() + SECONDS_MAX
    with money.database.session() as session:
        while (turn := _next_of_each_player(items)) and time.monotonic() < until:
            _take(money, session, turn)
    late = ServiceBusy("the batch took too long; repeat this request under the same request id")
    return [late if item.result is None else item.result for item in items]


def _next_of_each_player(items: Sequence[BatchItem]) -> list[BatchItem]:
    """Pick the first unfinished command of each player, sorted by player.

    The order keeps two batches from a deadlock: both lock the players in the same order.
    """
    first = {
        (item.request.brand_id, item.request.player_id): item
        for item in reversed(items)
        if item.result is None
    }
    return [first[key] for key in sorted(first)]


def _take(money: Money, session: DatabaseSession, turn: list[BatchItem]) -> None:
    decided = list(_decided(money, session, turn))
    if not decided:
        return
    for (item, _, decision), outcome in zip(decided, _apply(session, decided), strict=True):
        money.player_cache.forget(item.request)
        item.result = _result(item, decision, outcome)


def _read(session: DatabaseSession, turn: list[BatchItem]) -> list[State]:
    wanted = [state_wanted(item.request, item.reads) for item in turn]
    rows = session.all("wallet_read_states", commands=encoded(wanted))
    return [msgspec.json.decode(row["state"], type=State) for row in rows]


def _apply(session: DatabaseSession, decided: list[Decided]) -> list[Outcome]:
    payload = [command_of(item.request, state, decision) for item, state, decision in decided]
    row = session.one("wallet_apply_commands", commands=encoded(payload))
    outcomes = read_outcomes(row["outcomes"])
    failpoint.reach("wallet.after_commit")
    return outcomes


def _decided(money: Money, session: DatabaseSession, turn: list[BatchItem]) -> Iterator[Decided]:
    for item, state in zip(turn, _read(session, turn), strict=True):
        decision = _decide(money, session, item, state)
        if decision is not None:
            yield item, state, decision


def _decide(
    money: Money, session: DatabaseSession, item: BatchItem, state: State
) -> Decision | None:
    """Decide one command, or set its result, or the rows that it reads in the next turn."""
    try:
        if state.stored is None:
            return money.decide(session, state, item.decide)
        item.result = one.replay(item.request, state.stored)
    except ReadMore as more:
        item.reads = item.reads | more.reads
    except ApiError as error:
        item.result = error
    return None


def _result(item: BatchItem, decision: Decision, outcome: Outcome) -> Result | None:
    """Turn the outcome of SQL into a command's result, as `Money.perform` does.

    Return None if the command must be decided again, because the player or the active pair changed
    after the read. All commands of a batch have the same fencing token, so an outdated token is
    raised as an error of the whole batch.
    """
    if outcome.outcome != FAILED:
        try:
            return one.answer(decision, outcome)
        except ApiError as error:
            return error
    if outcome.sqlstate == sqlstates.FENCE_OVERTAKEN:
        raise FencingTokenOvertaken
    if outcome.sqlstate in one.MOVED:
        return _busy_after_retries(item, outcome.sqlstate)
    if outcome.sqlstate in BUSY_STATES:
        return _busy(outcome)
    return refusal(outcome.sqlstate, outcome.message)


def _busy_after_retries(item: BatchItem, sqlstate: str) -> ServiceBusy | None:
    """Count an outdated decision; return None while the command may be decided again."""
    one.STALE_RETRIES.inc()
    item.attempts += sqlstate != sqlstates.PAIR_MOVED
    if item.attempts < one.ATTEMPTS_MAX:
        return None
    return ServiceBusy("the player's money moved too often to decide this request")


def _busy(outcome: Outcome) -> ApiError:
    if one.CLAIM_TABLE in outcome.context:
        return one.InFlight()
    return ServiceBusy("the database gave up waiting; repeat the request")
