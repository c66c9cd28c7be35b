"""The backend on PostgreSQL: `Money.perform`, with checks by independent SQL."""

import itertools
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import psycopg

from tests.wallet_runtime.serving import as_the_wallet
from tests.wallet_runtime.wallet.histories import actions
from tests.wallet_runtime.wallet.histories.memory_rows import PAST, Answer, Broken
from tests.wallet_runtime.wallet.histories.model import Action
from tests.wallet_runtime.wallet.histories.variants import Documents
from wallet_runtime.plumbing.errors import ApiError
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.wallet.domain.choices import Choice
from wallet_runtime.wallet.domain.decision import Decision
from wallet_runtime.wallet.domain.state import ActivePair, Request, State
from wallet_runtime.wallet.domain.wins import NewCampaign
from wallet_runtime.wallet.store import campaigns, choices
from wallet_runtime.wallet.store import documents as store
from wallet_runtime.wallet.store.activation import ActivationRequest
from wallet_runtime.wallet.store.money import Money
from wallet_runtime.wallet.store.player_cache import KEPT_SECONDS, PlayerStateCache

LOOKS_KEPT = 16

VIEW = """
SELECT jsonb_build_object(
    'accounts', (SELECT coalesce(jsonb_object_agg(player_id || ' ' || account, balance), '{}')
                   FROM wallet.wallet_account WHERE brand_id = %(brand)s AND balance <> 0),
    'counters', (SELECT coalesce(jsonb_object_agg(name, total), '{}') FROM (
                     SELECT currency || ' ' || account AS name, sum(delta)::bigint AS total
                       FROM wallet.wallet_counter_entry WHERE brand_id = %(brand)s
                      GROUP BY 1 HAVING sum(delta) <> 0) c),
    'locked', (SELECT coalesce(jsonb_object_agg(player_id || ' ' || account, total), '{}') FROM (
                   SELECT player_id, account, sum(delta)::bigint AS total
                     FROM wallet.wallet_lock WHERE brand_id = %(brand)s
                    GROUP BY 1, 2 HAVING sum(delta) <> 0) l),
    'turnover', (SELECT coalesce(jsonb_object_agg(player_id || ' ' || account, open), '{}')
                   FROM wallet.wallet_turnover WHERE brand_id = %(brand)s),
    'rollings', (SELECT coalesce(jsonb_object_agg(rolling_id,
                     jsonb_build_array(player_id, state) || CASE state WHEN 'ACTIVE' THEN
                     jsonb_build_array(CASE WHEN grant_id IS NULL
                                            THEN topology_code || '/' || bucket_type_code
                                            ELSE 'GRANT/' || grant_id END,
                                       cap, amount, earned, required)
                     ELSE '[]' END), '{}')
                   FROM wallet.wallet_rolling_obligation WHERE brand_id = %(brand)s),
    'bets', (SELECT coalesce(jsonb_object_agg(provider_id || '/' || bet_id,
                 jsonb_build_array(player_id, state, payout, (
                     SELECT coalesce(jsonb_agg(jsonb_build_array(f->'account', f->'amount')), '[]')
                       FROM jsonb_array_elements(funding) f))), '{}')
               FROM wallet.wallet_bet_authorization WHERE brand_id = %(brand)s),
    'counted', (SELECT coalesce(jsonb_object_agg(
                           (payload->>'provider_id') || '/' || (payload->>'bet_id'),
                           payload->'counts'), '{}')
                  FROM wallet.wallet_outbox
                 WHERE brand_id = %(brand)s AND event_type = 'BET_SETTLED_CONFIRMED'),
    'campaigns', (SELECT coalesce(jsonb_object_agg(campaign_code, spent), '{}')
                    FROM wallet.wallet_campaign WHERE brand_id = %(brand)s),
    'wins', (SELECT coalesce(jsonb_object_agg(w.provider_id || '/' || w.provider_transaction_id,
                        jsonb_build_array(w.player_id, w.amount, r.win_id IS NOT NULL)), '{}')
               FROM wallet.wallet_win w
               LEFT JOIN wallet.wallet_win_reversal r ON r.win_id = w.win_id
              WHERE w.brand_id = %(brand)s),
    'coupons', (SELECT coalesce(jsonb_object_agg(coupon_log_id, state), '{}')
                  FROM wallet.wallet_coupon_grant WHERE brand_id = %(brand)s),
    'bonuses', (SELECT coalesce(jsonb_object_agg(bonus_id, state), '{}')
                  FROM wallet.wallet_bonus WHERE brand_id = %(brand)s),
    'withdrawals', (SELECT coalesce(jsonb_object_agg(transaction_id, state), '{}')
                      FROM wallet.ledger_transactions
                     WHERE tenant_id = %(brand)s AND type = 'withdrawal'),
    'adjustments', (SELECT coalesce(jsonb_object_agg(adjustment_id, state), '{}')
                      FROM wallet.wallet_adjustment WHERE brand_id = %(brand)s),
    'findings', (SELECT coalesce(jsonb_agg(name ORDER BY name), '[]') FROM (
                     SELECT (details->>'provider_id') || '/'
                            || coalesce(details->>'bet_id', details->>'transaction_id') AS name
                       FROM wallet.wallet_finding WHERE brand_id = %(brand)s) f))
"""
# This query lists ledger and lock rows that do not follow from the row before, accounts that differ
# from their ledger tip, and currencies that are not conserved.
FAULTS = """
SELECT 'row ' || account || ' ' || version FROM (
    SELECT account, version, balance_after = delta + lag(balance_after, 1, 0::bigint) OVER chain
                    AND version = 1 + lag(version, 1, 0::bigint) OVER chain
                    AND previous_hash = lag(hash, 1, ''::bytea) OVER chain AS follows
      FROM wallet.wallet_ledger WHERE brand_id = %(brand)s
    WINDOW chain AS (PARTITION BY player_id, account ORDER BY version)) walk
 WHERE NOT follows
UNION ALL
SELECT 'tip ' || a.account FROM wallet.wallet_account a
  LEFT JOIN LATERAL (
       SELECT balance_after, version, hash FROM wallet.wallet_ledger l
        WHERE (l.brand_id, l.player_id, l.account) = (a.brand_id, a.player_id, a.account)
        ORDER BY version DESC LIMIT 1) tip ON true
 WHERE a.brand_id = %(brand)s
   AND (a.balance, a.version, a.hash) IS DISTINCT FROM
       (coalesce(tip.balance_after, 0), coalesce(tip.version, 0), coalesce(tip.hash, ''))
UNION ALL
SELECT 'lock ' || account || ' ' || version FROM (
    SELECT account, version, locked = sum(delta) OVER chain
                    AND version = row_number() OVER chain AS follows
      FROM wallet.wallet_lock WHERE brand_id = %(brand)s
    WINDOW chain AS (PARTITION BY player_id, account ORDER BY version)) walk
 WHERE NOT follows
UNION ALL
SELECT 'sum ' || currency FROM (
    SELECT currency, delta AS amount FROM wallet.wallet_counter_entry WHERE brand_id = %(brand)s
    UNION ALL SELECT currency, balance FROM wallet.wallet_account WHERE brand_id = %(brand)s
    UNION ALL SELECT currency, stake FROM wallet.wallet_bet_authorization
     WHERE brand_id = %(brand)s AND state = 'AUTHORIZED') part
 GROUP BY currency HAVING sum(amount) <> 0
"""


class Product:
    """A wallet database. Each history on it has a brand of its own."""

    def __init__(self, database: Database, look: psycopg.Connection[Any]) -> None:
        """Open two copies of the service on this database."""
        self.database, self.look = database, look
        # The same two queries run after each command, and planning them took longer than running
        # them.
        look.execute("SET plan_cache_mode = force_generic_plan")
        self.copies = [Money(database), Money(database)]
        for copy in self.copies:
            # The cache's clock advances with each look-up, so cached players are reused and also
            # expire within one history.
            copy.player_cache = PlayerStateCache(
                lambda: 0, itertools.count(0, KEPT_SECONDS / LOOKS_KEPT).__next__
            )
        self.activations = itertools.count()

    def save(self, pairs: list[Documents]) -> None:
        """Save all pairs as drafts for later activations."""
        saved = store.Documents(self.database)
        for pair in pairs:
            saved.save_topology(pair["topology"]["code"], pair["topology"], "test")
            saved.save_policy(pair["policy"]["policy_key"], pair["policy"], "test")

    def open(self, brand: UUID, documents: Documents, currencies: tuple[str, ...]) -> "Brand":
        """Open a new brand for one history."""
        return Brand(self, brand, documents, currencies)


class Brand:
    """The brand of one history, in the database."""

    def __init__(
        self, product: Product, brand: UUID, documents: Documents, currencies: tuple[str, ...]
    ) -> None:
        """Register one player for each currency, and activate the documents."""
        self.product, self.brand, self.currencies = product, brand, currencies
        self.choices = itertools.count()
        for number, currency in enumerate(currencies):
            product.copies[0].register(brand, actions.player_id(brand, number), currency, False)
        self.numbers = {
            str(actions.player_id(brand, number)): str(number) for number in range(len(currencies))
        }
        self.activate(documents)

    def activate(self, documents: Documents) -> None:
        saved = store.Documents(self.product.database)
        gate = saved.gate()
        topology, policy = documents["topology"], documents["policy"]
        start = (gate["topology_code"], gate["topology_version"])
        request_id = f"activation-{next(self.product.activations)}"
        wish = ActivationRequest(
            topology["code"],
            topology["version"],
            policy["policy_key"],
            policy["version"],
            *start,
            "test",
            request_id,
        )
        saved.activate(wish)

    def freeze(self, level: str) -> None:
        self._change("UPDATE wallet.wallet_gate SET freeze_level = %s", level)

    def block(self, player: int, blocked: bool) -> None:
        status = "blocked" if blocked else "active"
        self._change(
            "UPDATE wallet.wallet_player SET status = %s WHERE player_id = %s",
            status,
            actions.player_id(self.brand, player),
        )

    def choose(self, player: int, provider_type: str, source: str) -> None:
        """Store a player's choice of the account that pays, as the API does."""
        name = f"choice-{next(self.choices)}"
        asked = Request(
            self.brand,
            actions.player_id(self.brand, player),
            actions.CALLER,
            "choose",
            name,
            "",
            uuid5(self.brand, name),
        )
        choices.keep(self.product.database, asked, Choice(provider_type, source))

    def lapse(self, coupon_log_id: str) -> None:
        statement = (
            "UPDATE wallet.wallet_coupon_grant SET expires_at = %s"
            " WHERE brand_id = %s AND coupon_log_id = %s"
        )
        self._change(statement, PAST, self.brand, coupon_log_id)

    def campaign(self, code: str, provider: str, currency: str, cap: int, per_win: int) -> None:
        """Create a campaign, as the API does for the back office."""
        asked = Request(
            self.brand,
            UUID(int=0),
            actions.CALLER,
            "campaigns",
            code,
            "",
            uuid5(self.brand, f"campaign {code}"),
        )
        ends = datetime(2199, 1, 1, tzinfo=UTC)
        campaigns.create(
            self.product.database,
            asked,
            NewCampaign(code, provider, currency, cap, per_win, ends, "ann"),
        )

    def end_campaign(self, code: str) -> None:
        statement = (
            "UPDATE wallet.wallet_campaign SET expires_at = %s"
            " WHERE brand_id = %s AND campaign_code = %s"
        )
        self._change(statement, PAST, self.brand, code)

    def turn_over(self, player: int, account: str) -> None:
        """Set the open turnover of an account to zero, as if enough bets were settled."""
        statement = (
            "UPDATE wallet.wallet_turnover SET open = 0"
            " WHERE brand_id = %s AND player_id = %s AND account = %s"
        )
        self._change(statement, self.brand, actions.player_id(self.brand, player), account)

    def close(self) -> None:
        self.freeze("open")

    def perform(
        self, request_id: str, wanted: Action, meanwhile: Callable[[], None] | None = None
    ) -> Answer:
        """Perform a command on one of the two copies, chosen by the request id.

        `meanwhile` is called after the first decision and before its application.
        """
        put = actions.put(wanted, self.currencies[wanted.player])
        request = actions.request(self.brand, wanted, request_id, put)
        to_do = [] if meanwhile is None else [meanwhile]

        def decide(state: State, pair: ActivePair) -> Decision:
            decision = put.rule(request, put.command, state, pair)
            while to_do:
                to_do.pop()()
            return decision

        copy = self.product.copies[zlib.crc32(request_id.encode()) % 2]
        try:
            return copy.perform(request, put.reads, decide)
        except ApiError as error:
            return error.status, {
                "code": error.code,
                "message": error.message,
                "details": error.details,
            }

    def check(self) -> None:
        found = self.product.look.execute(FAULTS, {"brand": self.brand}, prepare=True).fetchall()
        if found:
            raise Broken(f"brand {self.brand}: {found}")

    def view(self) -> dict[str, Any]:
        row = self.product.look.execute(VIEW, {"brand": self.brand}, prepare=True).fetchone()
        assert row is not None
        view: dict[str, Any] = row[0]
        named = {
            part: {
                f"{self.numbers[name[:36]]}{name[36:]}": amount
                for name, amount in view[part].items()
            }
            for part in ("accounts", "locked", "turnover")
        }
        lists = {
            part: {
                name: [int(self.numbers[values[0]]), *values[1:]]
                for name, values in view[part].items()
            }
            for part in ("rollings", "bets", "wins")
        }
        return view | lists | named

    def _change(self, statement: str, *values: object) -> None:
        as_the_wallet(self.product.look, statement, values)
