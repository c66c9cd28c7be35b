"""All planted bugs in rules, store and SQL. Histories must catch each of them."""

from tests.wallet_runtime.wallet.histories.plants_in_bets import BETS
from tests.wallet_runtime.wallet.histories.plants_in_locks import LOCKS
from tests.wallet_runtime.wallet.histories.plants_in_promotions import PROMOTIONS
from tests.wallet_runtime.wallet.histories.plants_in_sql import SQL
from tests.wallet_runtime.wallet.histories.plants_in_store import STORE
from tests.wallet_runtime.wallet.histories.plants_in_wins import WINS

__all__ = ("RULES", "SQL", "STORE")

RULES = (*BETS, *LOCKS, *PROMOTIONS, *WINS)
