"""The parts of the state that a command reads, as arguments of `wallet.read_state`."""

from msgspec import Struct
from msgspec.structs import astuple


class Reads(Struct, frozen=True, omit_defaults=True):
    """The parts of the state to read. SQL looks for the fields by these names.

    The `with_...` parts are read only if they are set.

    `reference_of` is the command that uses `reference`, `win` is a provider's transaction id, and
    `choice_for` is a provider type. Cash and rollings are read unless `without_debts` is set.
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
        """Read the parts that either side names."""
        pairs = zip(astuple(self), astuple(more), strict=True)
        return Reads(*(other or own for own, other in pairs))

    @property
    def is_new_bet(self) -> bool:
        """Whether a new bet reads only these parts, which the player cache may hold already."""
        return self.without_debts and self == Reads(
            provider_id=self.provider_id, bet_id=self.bet_id, without_debts=True
        )


class ReadMore(Exception):
    """A rule needs parts that were not read. The caller reads them and decides again."""

    def __init__(self, reads: Reads) -> None:
        """Keep the parts to read."""
        self.reads = reads
        super().__init__(str(reads))
