"""Runs a process of the runtime with rules that are broken on purpose.

`python -m tests.acceptance.mutations 'RULE + RULE' PROCESS` swaps one named thing for each rule
before the process imports what uses it. A name that is not there any more stops the start.
"""

import sys
from importlib import import_module

from tests.acceptance import (
    mutations_of_bets,
    mutations_of_doors,
    mutations_of_money,
    mutations_of_promotions,
    mutations_of_turnover,
    mutations_of_validation,
)
from tests.acceptance.swap import MUTATIONS, Rule, broken

__all__ = (
    "mutations_of_bets",
    "mutations_of_doors",
    "mutations_of_money",
    "mutations_of_promotions",
    "mutations_of_turnover",
    "mutations_of_validation",
)


def no_rule_is_broken() -> None:
    """The process differs by its environment alone."""


MUTATIONS["none"] = no_rule_is_broken


@broken("other code", "sql.code", "code_digest", "f" * 64)
@broken("no code told", "sql.code", "code_digest", "")
def the_process_was_started_from_other_files(digest: str, code_digest: Rule) -> str:
    """They are not those that lie there now."""
    return digest


def main(rule: str, process: str) -> int:
    """Break the rules, then be the process."""
    for each in rule.split(" + "):
        MUTATIONS[each]()
    return int(import_module("wallet_runtime.__main__").main([process]))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
