"""Reads states from memory, as `wallet.read_state` reads them from the database."""

from collections import Counter
from uuid import UUID

import msgspec

from tests.wallet_runtime.wallet.histories.memory_rows import Rows
from wallet_runtime.wallet.domain.reads import Reads
from wallet_runtime.wallet.domain.state import (
    Authorization,
    Cash,
    Gate,
    Player,
    Request,
    State,
    Win,
)


class Reading(Rows):
    """Reads the state for which a rule decides a command."""

    def _read(self, request: Request, reads: Reads) -> State:
        held, who = self.players[request.player_id], str(request.player_id)
        bet = self.authorizations.get((reads.provider_id or "", reads.bet_id or ""))
        shares = (
            {share.account for share in (*bet.funding, *(bet.payout_shares or ()))}
            if bet
            else set()
        )
        mine = [
            grant
            for grant in self.grants.values()
            if grant.player_id == who and (grant.state == "ACTIVE" or grant.account in shares)
        ]
        balances = held.balances
        bonus = self.bonuses.get(reads.bonus_id or "")
        return State(
            gate=Gate(self.activation_no, self.level, 0),
            buckets={
                account: amount
                for account, amount in balances.items()
                if not account.startswith(("CASH/", "GRANT/"))
            },
            obligations=tuple(
                owed
                for owed in self.obligations.values()
                if owed.player_id == who and owed.state == "ACTIVE"
            ),
            stored=self.stored.get((request.route, request.request_id)),
            player=Player(held.currency, held.status, False, held.version),
            cash=Cash(balances.get("CASH/AVAILABLE", 0), balances.get("CASH/PENDING", 0)),
            rolling=self.obligations.get(reads.rolling_id or ""),
            open_turnover=self._open_turnover(
                reads.rolling_id or (bonus and bonus.rolling_id) or ""
            ),
            authorization=bet,
            cash_transaction=self.cash_transactions.get(reads.cash_transaction_id or ""),
            grants=tuple(sorted(mine, key=lambda grant: grant.expires_at or "9999")),
            had_grants=any(grant.player_id == who for grant in self.grants.values()),
            coupon=next(
                (
                    grant
                    for grant in self.grants.values()
                    if grant.coupon_log_id == reads.coupon_log_id
                ),
                None,
            ),
            bonus=bonus
            and msgspec.structs.replace(
                bonus,
                low_water=self._low_water(bonus.player_id, bonus.account, UUID(bonus.bonus_id)),
            ),
            adjustment=self.adjustments.get(reads.adjustment_id or ""),
            round=self._staked(who, (reads.provider_id or "", reads.round_id))
            if reads.round_id
            else None,
            staked=self._staked(who) if reads.with_stakes else None,
            locked={account: amount for account, amount in held.locked.items() if amount}
            if reads.with_locks
            else None,
            low_water=self._winnings(bet) if bet and reads.with_winnings else {},
            lifted=self._lifted(bet) if bet and reads.with_winnings else {},
            lapsed=self._lapsed(bet) if bet and reads.with_winnings else (),
            campaign=self.campaigns.get(reads.campaign or ""),
            win=self._win(reads.provider_id or "", reads.win or ""),
            further_wins=sum(
                win.amount
                for win in self.wins.values()
                if bet and win.authorization_id == bet.authorization_id and not win.reversed
            )
            if reads.with_winnings
            else 0,
            choice=self.choices.get((who, reads.choice_for)) if reads.choice_for else msgspec.UNSET,
            reference=self.references.get((reads.reference_of, reads.reference))
            if reads.reference and reads.reference_of
            else msgspec.UNSET,
        )

    def _win(self, provider: str, name: str) -> Win | None:
        win = self.wins.get((provider, name))
        if win is None:
            return None
        low = {
            share.account: self._low_water(win.player_id, share.account, UUID(win.win_id)) or 0
            for share in win.shares
        }
        return msgspec.structs.replace(win, low_water=low)

    def _open_turnover(self, rolling_id: str) -> int:
        owed = self.obligations.get(rolling_id)
        return max(0, self.turnover.get((owed.player_id, owed.account), (0, 0))[0]) if owed else 0

    def _staked(self, who: str, round: tuple[str, str] | None = None) -> dict[str, int]:
        staked: Counter[str] = Counter()
        for bet in self.authorizations.values():
            if (
                bet.player_id == who
                and bet.state == "AUTHORIZED"
                and round in (None, (bet.provider_id, bet.round_id))
            ):
                staked.update({share.account: share.amount for share in bet.funding})
        return dict(staked)

    def _winnings(self, bet: Authorization) -> dict[str, int]:
        if bet.state != "SETTLED":
            return {}
        settled = self.transactions[bet.authorization_id][1]
        return {
            share.account: self._low_water(bet.player_id, share.account, settled) or 0
            for share in bet.payout_shares or ()
        }

    def _lifted(self, bet: Authorization) -> dict[str, int]:
        return (
            self.unlocked_by.get(self.transactions[bet.authorization_id][-1], {})
            if bet.state == "SETTLED"
            else {}
        )

    def _lapsed(self, bet: Authorization) -> tuple[str, ...]:
        if bet.state != "SETTLED":
            return ()
        made = self.made_at[bet.authorization_id]
        lapsed = [self.obligations[name] for name, ended in self.lapsed_at.items() if ended >= made]
        return tuple(
            {
                owed.account
                for owed in lapsed
                if owed.player_id == bet.player_id and not owed.grant_id
            }
        )

    def _low_water(self, who: str, account: str, transaction: UUID) -> int | None:
        """Return the lowest balance of an account since a transaction, or None without a row of it.

        Bets that were placed and rolled back since do not count.
        """
        rows = [row for row in self.players[UUID(who)].ledger if row[0] == account]
        last = max((index for index, row in enumerate(rows) if row[1] == transaction), default=None)
        if last is None:
            return None
        later = rows[last + 1 :]
        seen = {str(row[1]) for row in later}
        undone: set[UUID] = set()
        for bet in self.authorizations.values():
            if bet.state == "ROLLED_BACK" and bet.authorization_id in seen:
                undone.update(self.transactions[bet.authorization_id])
        running, low = 0, 0
        for _, moved_by, change, _ in later:
            running += 0 if moved_by in undone else change
            low = min(low, running)
        return rows[last][3] + low
