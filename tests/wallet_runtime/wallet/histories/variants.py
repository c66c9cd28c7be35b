"""The documents of the histories: the seeds, and pairs that use all other rules.

The pairs of a topology have the same buckets, so a history can change from one to another.
"""

import json
from copy import deepcopy
from importlib import resources
from typing import Any

Documents = dict[str, Any]
SEEDS = {"RUBY_SPLIT_V1": "ruby_split_v1.1.json", "RUBY_UNIFIED_V1": "ruby_unified_v1.1.json"}
USES = ("first", "not_usable", "last")
TYPES = ("SPORTS", "LIVE", "SLOTS")


NO_LIMITS = dict.fromkeys(("KRW", "USD", "EUR", "TRY", "BTC"), "none")


def variants(code: str) -> list[Documents]:
    """Return the pairs of a topology in versions 1, 2 and 3; the first is the seed."""
    seed = json.loads(
        resources.files("wallet_runtime.wallet").joinpath("seeds", SEEDS[code]).read_text()
    )
    return [seed, _picking(seed), _generous(seed)]


def _picking(seed: Documents) -> Documents:
    """Return a pair under which players choose the account that pays.

    It uses each rule for withdrawable money once, and has edges that generate rollings, and edges
    between bonuses.
    """
    pair = _version(seed, 2)
    normal, bonus = _codes(pair, "normal"), _codes(pair, "bonus")
    for game, use in zip(TYPES, USES, strict=True):
        pair["policy"]["funding"][game] |= {
            "mode": "selection",
            "withdrawable": use,
            "max_bet_under_bonus": NO_LIMITS | {"EUR": "2.00"},
        }
        pair["policy"]["funding"][game]["sources"] = _codes(pair, "normal", game) + _codes(
            pair, "bonus", game
        )
    pair["topology"]["transfer_edges"] = _edges(normal, "generate") + _edges(bonus, "inherit")
    pair["topology"]["points_targets"] = [
        {"bucket": normal[0], "minor_units_per_point": {"EUR": 7}, "per_points": 3}
    ]
    pair["policy"]["points_targets"] = [normal[0]]
    pair["policy"]["rolling"] |= {
        "deposit": {},
        "transfer": dict.fromkeys(normal, "0.5"),
        "bonus_cap": dict.fromkeys(bonus, "1.5"),
    }
    winnings = {"before": normal[0], "after": normal[-1]}
    pair["policy"]["coupons"] = {
        "place": "last",
        "winnings": {"SPORTS": winnings},
        "rolling": {"sports": "3", "all_games": "1"},
    }
    pair["policy"]["coupons"]["release_cap"] = {"all_games": "0.5"}
    pair["policy"]["turnover"] = {"minimum_price": "1.5"}
    pair["policy"]["wins"] = {
        "winnings_of": dict(zip(TYPES, (bonus[0], normal[-1], bonus[-1]), strict=True))
    }
    pair["policy"]["wins"]["further_max"] = {"EUR": "5.00", "KRW": "none"}
    return pair


def _generous(seed: Documents) -> Documents:
    """Return a pair under which all buckets pay in order, and winnings have other destinations."""
    pair = _version(seed, 3)
    normal, bonus = _codes(pair, "normal"), _codes(pair, "bonus")
    for game, use in zip(TYPES, USES, strict=True):
        sources = _codes(pair, "normal", game) + _codes(pair, "bonus", game)
        rule = {
            "mode": "combined",
            "sources": sources,
            "withdrawable": use,
            "max_bet_under_bonus": NO_LIMITS | {"KRW": "3000"},
        }
        pair["policy"]["funding"][game] = rule
    pair["policy"]["destinations"] |= {
        code: {"before": "WITHDRAWABLE", "after": code} for code in normal
    }
    pair["policy"]["destinations"] |= {code: {"before": normal[0], "after": code} for code in bonus}
    pair["topology"]["transfer_edges"] = _edges(normal, "inherit") + _edges(bonus, "generate")
    if pair["topology"]["transfer_edges"]:
        pair["topology"]["transfer_edges"][0]["active"] = False
    pair["policy"]["rolling"] |= {"deposit": dict.fromkeys(normal, "0.001"), "bonus": {}}
    pair["policy"]["turnover"] = {}
    pair["policy"]["wins"] = {
        "winnings_of": {"SPORTS": normal[0], "LIVE": normal[-1]},
        "further_max": {"EUR": "none"},
    }
    pair["policy"]["coupons"] |= {
        "place": "last",
        "release_cap": {"sports": "1", "casino": "0.333"},
    }
    return pair


def _version(seed: Documents, version: int) -> Documents:
    pair = deepcopy(seed)
    pair["topology"]["version"] = pair["policy"]["version"] = pair["policy"]["topology"][
        "version"
    ] = version
    return pair


def _codes(pair: Documents, kind: str, game: str | None = None) -> list[str]:
    buckets = pair["topology"]["buckets"]
    return [
        bucket["code"]
        for bucket in buckets
        if bucket["kind"] == kind and (game is None or game in bucket["provider_types"])
    ]


def _edges(codes: list[str], rolling: str) -> list[dict[str, Any]]:
    ends = [(one, other) for one in codes for other in codes if one != other]
    return [
        {"from_bucket": one, "to_bucket": other, "active": True, "rolling": rolling}
        for one, other in ends
    ]
