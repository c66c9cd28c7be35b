"""The rules without a database: a store in memory reads states and applies decisions.

The store decides nothing. It refuses the same as the database: legs that do not sum to zero, a
negative balance, and a change of state from any other than the expected state.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.wallet_runtime.wallet.histories import actions
from tests.wallet_runtime.wallet.histories.memory_applying import Applying
from tests.wallet_runtime.wallet.histories.memory_rows import Answer, Broken
from tests.wallet_runtime.wallet.histories.model import Action
from wallet_runtime.plumbing.errors import ApiError
from wallet_runtime.wallet.domain.reads import ReadMore
from wallet_runtime.wallet.domain.state import (
    Obligation,
    Request,
)


class Memory(Applying):
    """One brand in memory."""

    def perform(
        self, request_id: str, wanted: Action, meanwhile: Callable[[], None] | None = None
    ) -> Answer:
        """Read, decide and apply, as `Money.perform` does.

        `meanwhile` is called between the first decision and its application.
        """
        put = actions.put(
            wanted, self.players[actions.player_id(self.brand, wanted.player)].currency
        )
        request = actions.request(self.brand, wanted, request_id, put)
        try:
            return self._perform(request, put, meanwhile)
        except ApiError as error:
            return error.status, {"code": error.code}

    def _perform(
        self, request: Request, put: actions.Put, meanwhile: Callable[[], None] | None
    ) -> Answer:
        while True:
            state = self._read(request, put.reads)
            if state.stored is not None:
                if state.stored.fingerprint != request.fingerprint:
                    return 409, {"code": "IDEMPOTENCY_PAYLOAD_MISMATCH"}
                return state.stored.status, state.stored.body
            try:
                decision = put.rule(request, put.command, state, self.pair)
            except ReadMore as more:
                put = put._replace(reads=put.reads | more.reads)
                continue
            if meanwhile is not None:
                meanwhile()
                meanwhile = None
            assert state.player is not None
            if self.level == "sealed" or (self.level == "ingress" and decision.starts_new):
                return 503, {"code": "MAINTENANCE"}
            if (state.player.version, state.gate.activation_no) == (
                self.players[request.player_id].version,
                self.activation_no,
            ):
                self._apply(request, decision)
                return decision.status, decision.body

    def check(self) -> None:
        """Confirm that each balance follows from its ledger, and that money is conserved."""
        total: Counter[str] = Counter()
        for (currency, _), amount in self.counters.items():
            total[currency] += amount
        for held in self.players.values():
            for account, amount in held.balances.items():
                total["PTS" if account.endswith("/POINTS") else held.currency] += amount
                rows = [row for row in held.ledger if row[0] == account]
                if amount != sum(row[2] for row in rows) or amount != rows[-1][3]:
                    raise Broken(f"{account} holds {amount}, its ledger says {rows[-1]}")
        for bet in self.authorizations.values():
            total[bet.currency] += bet.stake if bet.state == "AUTHORIZED" else 0
        if any(total.values()):
            raise Broken(f"not conserved: {dict(total)}")

    def view(self) -> dict[str, Any]:
        """Return all rows in the form of `Model.view`."""
        number = self.numbers
        return {
            "accounts": {
                f"{number[str(who)]} {account}": amount
                for who, held in self.players.items()
                for account, amount in held.balances.items()
                if amount
            },
            "locked": {
                f"{number[str(who)]} {account}": amount
                for who, held in self.players.items()
                for account, amount in held.locked.items()
                if amount
            },
            "turnover": {
                f"{number[who]} {account}": left
                for (who, account), (left, _) in self.turnover.items()
            },
            "counters": {
                f"{currency} {account}": total
                for (currency, account), total in self.counters.items()
                if total
            },
            "rollings": {
                name: [number[owed.player_id], owed.state, *_weighed(owed)]
                for name, owed in self.obligations.items()
            },
            "bets": {
                f"{provider}/{name}": [
                    number[bet.player_id],
                    bet.state,
                    bet.payout,
                    [[share.account, share.amount] for share in bet.funding],
                ]
                for (provider, name), bet in self.authorizations.items()
            },
            "counted": self.counted,
            "campaigns": {code: campaign.spent for code, campaign in self.campaigns.items()},
            "wins": {
                f"{provider}/{name}": [number[win.player_id], win.amount, win.reversed]
                for (provider, name), win in self.wins.items()
            },
            "coupons": {grant.coupon_log_id: grant.state for grant in self.grants.values()},
            "bonuses": {name: bonus.state for name, bonus in self.bonuses.items()},
            "withdrawals": {
                name: each.state
                for name, each in self.cash_transactions.items()
                if each.type == "withdrawal"
            },
            "adjustments": {name: each.state for name, each in self.adjustments.items()},
            "findings": sorted(self.findings),
        }


def _weighed(owed: Obligation) -> tuple[Any, ...]:
    return (
        (owed.account, owed.cap, owed.amount, owed.earned, owed.required)
        if owed.state == "ACTIVE"
        else ()
    )
