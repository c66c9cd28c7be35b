"""The reads of a command beside the player, in the words of `wallet.read_state`."""

from msgspec import Struct
from msgspec.structs import astuple


class Reads(Struct, frozen=True, omit_defaults=True):
    """The parts to read. A field has the very name that SQL looks for.

    `with_...` adds what most leave out.

    `reference_of` is the command that uses `reference`, `win` a provider's transaction,
    `choice_for` a provider type. Cash and rollings are read unless `without_debts` says otherwise.
    """

    provider_id: str | None = None
    bet_id: str | None = None
    round_id: str | None = None
    choice_for: str | None = None
    win: str | None = None
    campaign: str | None = None
    rolling_id: str | None = None
    bonus_id: str | None = None
    adjustment_id: str | None = None
    coupon_log_id: str | None = None
    cash_transaction_id: str | None = None
    reference_of: str | None = None
    reference: str | None = None
    without_debts: bool = False
    with_open_stakes: bool = False
    with_stakes: bool = False
    with_winnings: bool = False
    with_locks: bool = False

    def __or__(self, more: "Reads") -> "Reads":
        """Read what either names."""
        pairs = zip(astuple(self), astuple(more), strict=True)
        return Reads(*(other or own for own, other in pairs))

    @property
    def is_new_bet(self) -> bool:
        """Whether this is what a new bet reads and nothing else, which a copy may know already."""
        return self.without_debts and self == Reads(
            provider_id=self.provider_id, bet_id=self.bet_id, without_debts=True
        )


class ReadMore(Exception):
    """A rule needs what was not read; `reads` asks for it, and the command is decided again."""

    def __init__(self, reads: Reads) -> None:
        """Name what is missing."""
        self.reads = reads
        super().__init__(str(reads))
