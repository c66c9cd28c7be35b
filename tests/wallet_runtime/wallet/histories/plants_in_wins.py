"""Bugs in the rules of further wins and campaigns."""

from typing import Any

import msgspec

from tests.wallet_runtime.wallet.histories.planted import InRules, Patch
from wallet_runtime.wallet.domain import (
    bets,
    wins,
)
from wallet_runtime.wallet.domain.state import Request, State

replace = msgspec.structs.replace


def _wins_paid_again(patch: Patch) -> None:
    right = wins.pay

    def pay(request: Request, command: Any, state: State, pair: Any) -> Any:
        if state.win is None:
            return right(request, command, state, pair)
        again = replace(command, transaction_id=f"{command.transaction_id}-{request.request_id}")
        return right(request, again, replace(state, win=None), pair)

    patch.setattr(wins, "pay", pay)


def _wins_stay_with_their_source(patch: Patch) -> None:
    patch.setattr(
        wins,
        "_destination",
        lambda bet, share, state: bet.policy_snapshot.destinations[share.account][0],
    )


def _a_campaign_knows_no_end(patch: Patch) -> None:
    right = wins._refuse_campaign
    patch.setattr(
        wins,
        "_refuse_campaign",
        lambda campaign, *rest: right(replace(campaign, expired=False), *rest),
    )


def _a_campaign_pays_any_win(patch: Patch) -> None:
    right = wins._refuse_campaign
    patch.setattr(
        wins,
        "_refuse_campaign",
        lambda campaign, *rest: right(replace(campaign, cap_per_win=campaign.cap), *rest),
    )


def _a_jackpot_knows_no_bound(patch: Patch) -> None:
    right = wins._refuse_further

    def refuse_further(bet: Any, command: Any, pair: Any) -> Any:
        refused = right(bet, command, pair)
        return None if refused is not None and refused.body["code"] == "WIN_LIMIT" else refused

    patch.setattr(wins, "_refuse_further", refuse_further)


def _a_jackpot_on_any_round(patch: Patch) -> None:
    right = wins._refuse_further
    patch.setattr(
        wins,
        "_refuse_further",
        lambda bet, command, pair: right(replace(bet, round_id=command.round_id), command, pair),
    )


def _spent_wins_go_back(patch: Patch) -> None:
    patch.setattr(wins, "_kept", lambda account, win, state: state.balance(account))


def _a_bet_goes_back_before_its_wins(patch: Patch) -> None:
    right = bets.rollback
    patch.setattr(
        bets,
        "rollback",
        lambda request, command, state, pair: right(
            request, command, replace(state, further_wins=0), pair
        ),
    )


def _blocked_players_win(patch: Patch) -> None:
    right = wins._refuse_campaign

    def refuse_campaign(campaign: Any, command: Any, state: State, *rest: Any) -> Any:
        assert state.player is not None
        return right(
            campaign, command, replace(state, player=replace(state.player, status="active")), *rest
        )

    patch.setattr(wins, "_refuse_campaign", refuse_campaign)


WINS = (
    InRules("a win is paid again under another request", _wins_paid_again),
    InRules("a further win stays where its bet was paid from", _wins_stay_with_their_source),
    InRules("a campaign pays after its end", _a_campaign_knows_no_end),
    InRules("a campaign pays a win of any size", _a_campaign_pays_any_win),
    InRules("a further win has no bound", _a_jackpot_knows_no_bound),
    InRules("a further win comes on any round", _a_jackpot_on_any_round, first=2),
    InRules("a win that was spent and refilled goes back", _spent_wins_go_back),
    InRules("a bet is taken back before its further wins", _a_bet_goes_back_before_its_wins),
    InRules("a blocked player wins without a stake", _blocked_players_win, first=4),
)
