"""The rules alone: a store in memory that reads states for them and applies their decisions, as the database does.

It decides nothing. What it refuses is what the database refuses too: legs that do not sum to zero, a balance below zero, a state
that moved from another one than was seen.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import asdict

from tests.wallet_runtime.wallet.histories import actions
from tests.wallet_runtime.wallet.histories.model import Action
from wallet_runtime.plumbing.errors import ApiError
from wallet_runtime.wallet.domain.decision import STAKE, Decision
from wallet_runtime.wallet.domain.documents import read_policy, read_topology
from wallet_runtime.wallet.domain.events import BetSettled
from wallet_runtime.wallet.domain.reads import ReadMore, Reads
from wallet_runtime.wallet.domain.records import (
    BetOpened,
    GrantOpened,
    ObligationOpened,
    SpentWinnings,
    WinReversed,
)
from wallet_runtime.wallet.domain.state import (
    ActivePair,
    Adjustment,
    Authorization,
    Bonus,
    Campaign,
    Cash,
    CashTransaction,
    Gate,
    Grant,
    Obligation,
    Player,
    ReferenceUse,
    Request,
    State,
    Stored,
    Win,
    is_grant,
)

Answer = tuple[int, dict[str, Any]]
PAST = "2001-01-01T00:00:00Z"
COUNTERS = ("PSP", "HOUSE", "PROMO", "OPENING", "ADJ", "ISSUED", "REDEEMED", "EXPIRED")


class Broken(AssertionError):
    """The rules decided what the database would refuse."""


class Held(msgspec.Struct):
    """One player: his row, his accounts, and the rows of his ledger as (account, transaction, change, balance after)."""

    currency: str
    status: str = "active"
    version: int = 0
    balances: dict[str, int] = {}
    ledger: list[tuple[str, UUID, int, int]] = []
    locked: dict[str, int] = {}


class Memory:
    """One brand in memory."""

    def __init__(self, brand: UUID, documents: dict[str, Any], currencies: tuple[str, ...]) -> None:
        """Open a brand without money, with a player per currency."""
        self.brand = brand
        self.players = {
            actions.player_id(brand, number): Held(currency)
            for number, currency in enumerate(currencies)
        }
        self.numbers = {str(player): number for number, player in enumerate(self.players)}
        self.level = "open"
        self.activation_no = 0
        self.stored: dict[tuple[str, str], Stored] = {}
        self.counters: Counter[tuple[str, str]] = Counter()
        self.obligations: dict[str, Obligation] = {}
        self.authorizations: dict[tuple[str, str], Authorization] = {}
        self.transactions: dict[str, list[UUID]] = {}
        self.cash_transactions: dict[str, CashTransaction] = {}
        self.grants: dict[str, Grant] = {}
        self.bonuses: dict[str, Bonus] = {}
        self.adjustments: dict[str, Adjustment] = {}
        self.choices: dict[tuple[str, str], str] = {}
        self.references: dict[tuple[str, str], ReferenceUse] = {}
        self.unlocked_by: dict[UUID, dict[str, int]] = {}
        self.lapsed_at: dict[str, int] = {}
        self.turnover: dict[tuple[str, str], tuple[int, int]] = {}
        self.settled_at: dict[str, int] = {}
        self.made_at: dict[str, int] = {}
        self.clock = 0
        self.findings: set[str] = set()
        self.counted: dict[str, bool] = {}
        self.campaigns: dict[str, Campaign] = {}
        self.wins: dict[tuple[str, str], Win] = {}
        self.activate(documents)

    # What happens around the commands --------------------------------------------------------------------------------------------

    def activate(self, documents: dict[str, Any]) -> None:
        self.pair = ActivePair(
            read_topology(documents["topology"]), read_policy(documents["policy"])
        )
        self.activation_no += 1

    def freeze(self, level: str) -> None:
        self.level = level

    def block(self, player: int, blocked: bool) -> None:
        self.players[actions.player_id(self.brand, player)].status = (
            "blocked" if blocked else "active"
        )

    def choose(self, player: int, provider_type: str, source: str) -> None:
        """Let a player pick what pays his bets."""
        self.choices[str(actions.player_id(self.brand, player)), provider_type] = source

    def lapse(self, coupon_log_id: str) -> None:
        grant = next(
            grant for grant in self.grants.values() if grant.coupon_log_id == coupon_log_id
        )
        self.grants[grant.account] = msgspec.structs.replace(grant, expires_at=PAST, lapsed=True)

    def turn_over(self, player: int, account: str) -> None:
        """Let an account owe no more turnover, as if enough bets were settled."""
        key = str(actions.player_id(self.brand, player)), account
        self.turnover[key] = 0, self.turnover[key][1]

    def close(self) -> None:
        """Nothing is kept open."""

    # The one path of a command -----------------------------------------------------------------------------------------------------

    def perform(
        self, request_id: str, wanted: Action, meanwhile: Callable[[], None] | None = None
    ) -> Answer:
        """Read, decide, apply, as `Money.perform` does; `meanwhile` happens between the first decision and its application."""
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

    def campaign(self, code: str, provider: str, currency: str, cap: int, per_win: int) -> None:
        self.campaigns[code] = Campaign(
            code, provider, currency, cap, per_win, 0, "2199-01-01T00:00:00Z"
        )

    def end_campaign(self, code: str) -> None:
        self.campaigns[code] = msgspec.structs.replace(self.campaigns[code], expired=True)

    def _win(self, provider: str, name: str) -> Win | None:
        win = self.wins.get((provider, name))
        if win is None:
            return None
        low = {
            share.account: self._low_water(win.player_id, share.account, UUID(win.win_id)) or 0
            for share in win.shares
        }
        return msgspec.structs.replace(win, low_water=low)

    def _put_win(self, request: Request, decision: Decision, currency: str) -> None:
        record = decision.win
        house = sum(leg.delta for leg in decision.legs if leg.account == "HOUSE")
        if record is None:
            return
        if isinstance(record, WinReversed):
            key, win = next(item for item in self.wins.items() if item[1].win_id == record.reverses)
            if win.reversed or house != win.amount:
                raise Broken(f"win {key} goes back twice, or in part")
            self.wins[key] = msgspec.structs.replace(win, reversed=True)
            change = -win.amount
        else:
            key = record.provider_id, record.provider_transaction_id
            if key in self.wins or house != -record.amount:
                raise Broken(f"win {key} is paid twice, or otherwise than it says")
            paid = {
                "win_id": str(request.transaction_id),
                "player_id": str(request.player_id),
                "currency": currency,
            }
            win = self.wins[key] = Win(**(asdict(record) | paid | asdict(decision.pair)))
            change = win.amount
        if win.campaign_code is not None:
            campaign = self.campaigns[win.campaign_code]
            spent = campaign.spent + change
            if not 0 <= spent <= campaign.cap or change > campaign.cap_per_win:
                raise Broken(
                    f"campaign {win.campaign_code} would have spent {spent} of {campaign.cap}"
                )
            self.campaigns[win.campaign_code] = msgspec.structs.replace(campaign, spent=spent)

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
        """Return the least that an account has held since a transaction, without bets that were made since and rolled back."""
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

    # What `wallet.apply_command` does --------------------------------------------------------------------------------------------

    def _apply(self, request: Request, decision: Decision) -> None:
        held = self.players[request.player_id]
        held.version += 1
        self.clock += 1
        self.stored[request.route, request.request_id] = Stored(
            request.fingerprint, decision.status, decision.body
        )
        for opened in decision.grants_opened:
            self._open_grant(request, decision, opened, held.currency)
        stake = self._move_legs(request, held, decision)
        if decision.reference is not None:
            self._use(request, decision, decision.reference)
        self._put_authorization(request, decision, stake)
        self._put_records(request, decision, held.currency)
        self._put_win(request, decision, held.currency)
        self._follow_turnover(held, decision, str(request.player_id))
        self._put_obligations(request, decision)
        self._put_locks(request, held, decision)
        for event in decision.events:
            if isinstance(event.payload, BetSettled):
                bet = event.payload
                self.counted[f"{bet.provider_id}/{bet.bet_id}"] = bet.counts
        for finding in decision.findings:
            what = finding.details
            named = what.bet_id if isinstance(what, SpentWinnings) else what.transaction_id
            self.findings.add(f"{what.provider_id}/{named}")
        for account, grant in self.grants.items():
            if grant.state != "ACTIVE" and grant.balance:
                raise Broken(f"closed grant {account} holds {grant.balance}")

    def _move_legs(self, request: Request, held: Held, decision: Decision) -> int:
        sums: Counter[str] = Counter()
        stake = 0
        for leg in decision.legs:
            sums[leg.currency] += leg.delta
            if leg.currency not in (held.currency, "PTS") or (
                leg.currency == "PTS" and (leg.account == STAKE or "CASH" in leg.account)
            ):
                raise Broken(f"a leg in {leg.currency} on {leg.account}")
            if leg.account == STAKE:
                stake += leg.delta
            elif leg.account in COUNTERS:
                self.counters[leg.currency, leg.account] += leg.delta
            else:
                if (leg.currency == "PTS") != leg.account.endswith("/POINTS"):
                    raise Broken(f"{leg.account} is not in {leg.currency}")
                self._move_account(request, held, leg.account, leg.delta)
        if any(sums.values()):
            raise Broken(f"the legs of {decision.command} sum to {dict(sums)}")
        if (
            "ADJ" in [leg.account for leg in decision.legs]
            and getattr(decision.adjustment, "state", None) != "APPLIED"
        ):
            raise Broken("ADJ moved without an applied adjustment")
        return stake

    def _move_account(self, request: Request, held: Held, account: str, change: int) -> None:
        after = held.balances.get(account, 0) + change
        if after < 0:
            raise Broken(f"{account} would hold {after}")
        held.balances[account] = after
        held.ledger.append((account, request.transaction_id, change, after))
        if is_grant(account):
            self.grants[account] = msgspec.structs.replace(self.grants[account], balance=after)

    def _open_grant(
        self, request: Request, decision: Decision, opened: GrantOpened, currency: str
    ) -> None:
        grant = Grant(
            **asdict(opened),
            player_id=str(request.player_id),
            topology_code=decision.pair.topology_code,
            currency=currency,
            balance=0,
            state="ACTIVE",
            lapsed=opened.expires_at is not None and opened.expires_at <= PAST,
        )
        self.grants[grant.account] = grant

    def _use(self, request: Request, decision: Decision, reference: str) -> None:
        key = decision.command, reference
        if key in self.references:
            raise Broken(f"{key} is used twice")
        self.references[key] = ReferenceUse(str(request.player_id), str(request.transaction_id))

    def _put_authorization(self, request: Request, decision: Decision, stake: int) -> None:
        record = decision.authorization
        if record is None:
            if stake:
                raise Broken(f"a stake of {stake} moved without an authorization")
            return
        if isinstance(record, BetOpened):
            self.authorizations[record.provider_id, record.bet_id] = Authorization(
                **(asdict(record) | asdict(decision.pair)),
                player_id=str(request.player_id),
                currency=self.players[request.player_id].currency,
            )
            self.transactions[record.authorization_id] = [request.transaction_id]
            self.made_at[record.authorization_id] = self.clock
            moved = record.stake
        else:
            key, bet = next(
                item
                for item in self.authorizations.items()
                if item[1].authorization_id == record.authorization_id
            )
            if bet.state != record.from_state:
                raise Broken(f"bet {bet.bet_id} is {bet.state}, not {record.from_state}")
            self._count_turnover(bet, record.state)
            self.authorizations[key] = msgspec.structs.replace(
                bet,
                state=record.state,
                payout=bet.payout if record.payout is None else record.payout,
                payout_shares=record.payout_shares or bet.payout_shares,
            )
            self.transactions[bet.authorization_id].append(request.transaction_id)
            moved = -bet.stake if bet.state == "AUTHORIZED" else 0
        if stake != moved:
            raise Broken(f"the stake moved is {stake}, the authorization says {moved}")

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
                self._ask(who, _owed(opened, who).account, max(0, opened.required - brought))
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

    def _owed_by(self, who: str) -> list[Obligation]:
        return [owed for owed in self.obligations.values() if owed.player_id == who]

    def _put_locks(self, request: Request, held: Held, decision: Decision) -> None:
        for change in decision.locks:
            account, delta = change.account, change.delta
            held.locked[account] = held.locked.get(account, 0) + delta
            if delta < 0:
                self.unlocked_by.setdefault(request.transaction_id, {})[account] = -delta
        staked = self._staked(str(request.player_id))
        for account, locked in held.locked.items():
            if not 0 <= locked <= held.balances.get(account, 0) + staked.get(account, 0):
                raise Broken(
                    f"{locked} of {account} are locked, which holds {held.balances.get(account, 0)}"
                )
        for moved in decision.transfers:
            source = moved.from_account
            if moved.kind == "RELEASE" and held.locked.get(source, 0) > held.balances.get(
                source, 0
            ) + staked.get(source, 0):
                raise Broken(f"{decision.command} released locked money of {source}")

    def _put_records(self, request: Request, decision: Decision, currency: str) -> None:
        mine = {"player_id": str(request.player_id), "currency": currency}
        kept: tuple[
            tuple[msgspec.Struct | None, dict[str, Any], type[msgspec.Struct], str], ...
        ] = (
            (decision.cash_transaction, self.cash_transactions, CashTransaction, "transaction_id"),
            (decision.bonus, self.bonuses, Bonus, "bonus_id"),
            (decision.adjustment, self.adjustments, Adjustment, "adjustment_id"),
        )
        for written, rows, kind, id_name in kept:
            if written is None:
                continue
            record = asdict(written)
            name = str(record.get(id_name, request.transaction_id))
            if name not in rows:
                fresh = {
                    "state": "ISSUED",
                    "topology_code": decision.pair.topology_code,
                    id_name: name,
                }
                known = {field.name for field in msgspec.structs.fields(kind)}
                rows[name] = kind(
                    **{key: value for key, value in (fresh | record | mine).items() if key in known}
                )
                continue
            held = rows[name]
            if held.state != record.get("from_state", "REQUESTED"):
                raise Broken(
                    f"{id_name} {name} is {held.state}, the decision saw {record.get('from_state')}"
                )
            rows[name] = msgspec.structs.replace(held, state=record["state"])

    def _put_obligations(self, request: Request, decision: Decision) -> None:
        for opened in decision.obligations_opened:
            self.obligations[opened.rolling_id] = _owed(opened, str(request.player_id))
        for closed in decision.grants_closed:
            account = f"GRANT/{closed.grant_id}"
            if self.grants[account].state != "ACTIVE":
                raise Broken(f"{account} is closed twice")
            self.grants[account] = msgspec.structs.replace(self.grants[account], state=closed.state)
        for ended in decision.obligations_closed:
            if (owed := self.obligations[ended.rolling_id]).state != "ACTIVE":
                continue
            self.obligations[owed.rolling_id] = msgspec.structs.replace(owed, state=ended.state)
            if ended.state in ("CANCELED", "EXPIRED"):
                self.lapsed_at[owed.rolling_id] = self.clock
            for name, bonus in self.bonuses.items():
                if bonus.rolling_id == owed.rolling_id and bonus.state == "ISSUED":
                    became = {"COMPLETED": "COMPLETED", "EXPIRED": "EXPIRED"}.get(
                        ended.state, "REVERSED"
                    )
                    self.bonuses[name] = msgspec.structs.replace(bonus, state=became)
        for changed in decision.obligations_changed:
            owed = self.obligations[changed.rolling_id]
            self.obligations[changed.rolling_id] = msgspec.structs.replace(
                owed,
                bucket_type_code=changed.bucket_type_code or owed.bucket_type_code,
                amount=owed.amount if changed.amount is None else changed.amount,
                earned=owed.earned if changed.earned is None else changed.earned,
                cap=owed.cap if changed.cap is msgspec.UNSET else changed.cap,
            )

    # What is there -------------------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Every account follows from its ledger, and what counter-accounts gave is what is held and staked."""
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
        """Everything held, in the words of `Model.view`."""
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


def _owed(opened: ObligationOpened, who: str) -> Obligation:
    fields = asdict(opened)
    del fields["part_of"]
    return Obligation(**fields, player_id=who)


def _weighed(owed: Obligation) -> tuple[Any, ...]:
    return (
        (owed.account, owed.cap, owed.amount, owed.earned, owed.required)
        if owed.state == "ACTIVE"
        else ()
    )
