"""Runs a process of the runtime with rules that are broken on purpose.

`python -m tests.acceptance.mutations 'RULE + RULE' PROCESS` replaces one function or constant per
rule, before the process imports the code that uses it. The start fails if the name to replace does
not exist.
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
    """Break no rule, for tests that only change environment variables."""


MUTATIONS["none"] = no_rule_is_broken


@broken("other code", "sql.code", "code_digest", "f" * 64)
@broken("no code told", "sql.code", "code_digest", "")
def the_process_was_started_from_other_files(digest: str, code_digest: Rule) -> str:
    """The process reports the digest of other code than the code on disk."""
    return digest


def main(rule: str, process: str) -> int:
    """Break the rules, then run the process and return its exit code."""
    for each in rule.split(" + "):
        MUTATIONS[each]()
    return int(import_module("wallet_runtime.__main__").main([process]))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
