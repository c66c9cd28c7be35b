"""Every SQLSTATE that our own SQL raises, and its meaning.

`tests/sql/test_sqlstates.py` compares this list with the SQLSTATEs in the functions.

Money, documents and rollings raise RW codes. Acts of operators raise RB codes.
"""

STALE = "RW001"
IMMUTABLE = "RW002"
INVARIANT_BROKEN = "RW003"
ACTIVATION_MOVED = "RW004"
NO_DRAFT = "RW009"
PAIR_MOVED = "RW010"
ANSWER_PRUNED = "RW011"
MONEY_SEALED = "RW012"
RECORD_ALTERED = "RW013"
TURNOVER_OPEN = "RW014"
FENCE_OVERTAKEN = "RB001"
NOT_FROZEN = "RB002"
FACTS_DIFFER = "RB003"
FREEZE_OF_ANOTHER = "RB004"
OVERRULED = "RB005"

MEANINGS = {
    STALE: "the player's version or a campaign's rest moved since the decision: decide again",
    IMMUTABLE: "a row that nobody may change was to be changed",
    INVARIANT_BROKEN: "a decision breaks a rule of money: a fault in our code",
    ACTIVATION_MOVED: "an activation or money moved since the pair was validated: validate again",
    NO_DRAFT: "a document that is no draft any more was to be changed (A7-9)",
    PAIR_MOVED: "the active pair moved since the decision: decide again",
    ANSWER_PRUNED: "the request was answered before, and its answer was pruned: final",
    MONEY_SEALED: "money is sealed, and this write does not pass a seal",
    RECORD_ALTERED: "a record is not as the wallet left it: nothing is done, a person looks",
    TURNOVER_OPEN: "settled bets cannot have turned over what the account owes",
    FENCE_OVERTAKEN: "a newer run holds the lock: this one does nothing more",
    NOT_FROZEN: "money is not frozen as the act needs it",
    FACTS_DIFFER: "the facts are not as the act needs them",
    FREEZE_OF_ANOTHER: "the freeze belongs to another run",
    OVERRULED: "the freeze or the platform changed since the act was decided",
}
