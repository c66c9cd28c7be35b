"""Counts turnover in memory, as `wallet.follow_turnover` and related functions do."""

from tests.wallet_runtime.wallet.histories.memory_reading import Reading
from tests.wallet_runtime.wallet.histories.memory_rows import Broken, Held, owed_of
from wallet_runtime.wallet.domain.decision import Decision
from wallet_runtime.wallet.domain.state import (
    Authorization,
)


class Turnover(Reading):
    """Keeps the open turnover of each account."""

    def _count_turnover(self, bet: Authorization, state: str) -> None:
        for share in bet.funding:
            key = bet.player_id, share.account
            if state == "SETTLED":
                self.settled_at[bet.authorization_id] = self.clock
            if key in self.turnover:
                left, since = self.turnover[key]
                if state == "SETTLED":
                    self.turnover[key] = left - share.amount, since
                elif bet.state == "SETTLED" and self.settled_at[bet.authorization_id] > since:
                    self.turnover[key] = left + share.amount, since

    def _ask(self, who: str, account: str, more: int) -> None:
        self.turnover[who, account] = (
            max(0, max(0, self.turnover.get((who, account), (0, 0))[0]) + more),
            self.clock,
        )

    def _follow_turnover(self, held: Held, decision: Decision, who: str) -> None:
        brought = 0
        for moved in decision.transfers:
            source, target, amount = moved.from_account, moved.to_account, moved.amount
            if moved.kind == "EDGE" and (who, source) in self.turnover:
                whole = held.balances[source] + amount
                left, rest = divmod(max(0, self.turnover[who, source][0]) * amount, whole)
                brought = left + (rest > 0)
                if whole == amount:
                    del self.turnover[who, source]
                else:
                    self._ask(who, source, -left)
                self._ask(who, target, brought)
        for opened in decision.obligations_opened:
            if opened.part_of is None:
                self._ask(who, owed_of(opened, who).account, max(0, opened.required - brought))
        ending = {ended.rolling_id for ended in decision.obligations_closed}
        for ended in decision.obligations_closed:
            owed = self.obligations[ended.rolling_id]
            if owed.state != "ACTIVE":
                continue
            self._ask(who, owed.account, 0 if ended.state == "COMPLETED" else -owed.required)
            if any(
                o.account == owed.account and o.state == "ACTIVE" and o.rolling_id not in ending
                for o in self._owed_by(who)
            ):
                continue
            if self.turnover.pop((who, owed.account))[0] and (
                ended.state == "COMPLETED" or decision.transfers
            ):
                raise Broken(f"{owed.account} is released and still owes turnover")
