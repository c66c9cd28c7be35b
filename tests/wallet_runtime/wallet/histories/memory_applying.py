"""Applies decisions in memory, as `wallet.apply_command` does."""

from collections import Counter
from typing import Any

import msgspec
from msgspec.structs import asdict

from tests.wallet_runtime.wallet.histories.memory_rows import COUNTERS, PAST, Broken, Held, owed_of
from tests.wallet_runtime.wallet.histories.memory_turnover import Turnover
from wallet_runtime.wallet.domain.decision import STAKE, Decision
from wallet_runtime.wallet.domain.events import BetSettled
from wallet_runtime.wallet.domain.records import (
    BetOpened,
    GrantOpened,
    SpentWinnings,
    WinReversed,
)
from wallet_runtime.wallet.domain.state import (
    Adjustment,
    Authorization,
    Bonus,
    CashTransaction,
    Grant,
    ReferenceUse,
    Request,
    Stored,
    Win,
    is_grant,
)


class Applying(Turnover):
    """Applies decisions, and refuses the same decisions as the database."""

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
            self.obligations[opened.rolling_id] = owed_of(opened, str(request.player_id))
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
