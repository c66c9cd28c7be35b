-- name: game_record_authorize
-- Record a bet before the wallet is called: the round, the callback and the bet. A repeated
-- callback raises `attempts`. A new try replaces the data of a bet that is not accepted yet.
WITH opened AS (
    INSERT INTO game.round (brand_id, provider_id, round_id, player_id, game_id)
    VALUES (%(brand_id)s, %(provider_id)s, %(round_id)s, %(player_id)s, %(game_id)s)
    ON CONFLICT (brand_id, provider_id, round_id, player_id) DO NOTHING
), placed AS (
    INSERT INTO game.bet AS b (brand_id, provider_id, bet_id, round_id, player_id, currency, stake,
                               state)
    VALUES (%(brand_id)s, %(provider_id)s, %(bet_id)s, %(round_id)s, %(player_id)s, %(currency)s,
            %(stake)s, 'PENDING')
    ON CONFLICT (brand_id, provider_id, bet_id) DO UPDATE
       SET round_id = excluded.round_id, player_id = excluded.player_id,
           currency = excluded.currency, stake = excluded.stake,
           state = 'PENDING', changed_at = clock_timestamp()
     WHERE b.state IN ('PENDING', 'REFUSED')
)
INSERT INTO game.callback AS c (brand_id, provider_id, kind, request_id, bet_id, round_id,
                                player_id, amount)
VALUES (%(brand_id)s, %(provider_id)s, 'authorize', %(request_id)s, %(bet_id)s, %(round_id)s,
        %(player_id)s, %(amount)s)
ON CONFLICT (brand_id, provider_id, kind, request_id) DO UPDATE SET attempts = c.attempts + 1;

-- name: game_record_close
-- Record a settle or rollback callback before the wallet is called. A repeat raises `attempts`.
INSERT INTO game.callback AS c (brand_id, provider_id, kind, request_id, bet_id, round_id,
                                player_id, amount)
VALUES (%(brand_id)s, %(provider_id)s, %(kind)s, %(request_id)s, %(bet_id)s, %(round_id)s,
        %(player_id)s, %(amount)s)
ON CONFLICT (brand_id, provider_id, kind, request_id) DO UPDATE SET attempts = c.attempts + 1;

-- name: game_record_outcome
-- Store the wallet's answer to a callback, and change the state of the bet. The bet takes player,
-- round and amounts from this callback and answer, because another try may have overwritten them.
WITH answered AS (
    UPDATE game.callback
       SET status = %(status)s, code = %(code)s, answered_at = clock_timestamp()
     WHERE brand_id = %(brand_id)s AND provider_id = %(provider_id)s AND kind = %(kind)s
       AND request_id = %(request_id)s
)
UPDATE game.bet
   SET state = %(state)s, round_id = %(round_id)s, player_id = %(player_id)s,
       currency = coalesce(%(currency)s::text, currency),
       stake = coalesce(%(stake)s::bigint, stake), payout = coalesce(%(payout)s::bigint, payout),
       changed_at = clock_timestamp()
 WHERE brand_id = %(brand_id)s AND provider_id = %(provider_id)s AND bet_id = %(bet_id)s
   AND state = ANY (%(from_states)s::text[]);

-- name: game_statement
-- A page of a provider's bets that were placed in [from, to), after the cursor. The bets are of all
-- brands, or of one brand.
SELECT sequence, brand_id, bet_id, round_id, player_id, currency, stake, payout, state, placed_at,
       changed_at
  FROM game.bet
 WHERE provider_id = %(provider_id)s
   AND sequence > %(cursor)s
   AND placed_at >= %(placed_from)s AND placed_at < %(placed_to)s
   AND (%(brand_id)s::uuid IS NULL OR brand_id = %(brand_id)s)
 ORDER BY sequence
 LIMIT %(limit)s;

-- name: game_record_win
-- Record a win before the wallet is called. A repeat raises `attempts`, and changes the other data
-- only if the wallet has not paid the win.
INSERT INTO game.win AS w (brand_id, provider_id, transaction_id, player_id, campaign, bet_id,
                           round_id, currency, amount, state)
VALUES (%(brand_id)s, %(provider_id)s, %(transaction_id)s, %(player_id)s, %(campaign)s, %(bet_id)s,
        %(round_id)s, %(currency)s, %(amount)s,
        'PENDING')
ON CONFLICT (brand_id, provider_id, transaction_id) DO UPDATE
   SET attempts = w.attempts + 1,
       player_id = CASE WHEN w.state IN ('PENDING', 'REFUSED') THEN excluded.player_id
                        ELSE w.player_id END,
       campaign = CASE WHEN w.state IN ('PENDING', 'REFUSED') THEN excluded.campaign
                       ELSE w.campaign END,
       bet_id = CASE WHEN w.state IN ('PENDING', 'REFUSED') THEN excluded.bet_id ELSE w.bet_id END,
       round_id = CASE WHEN w.state IN ('PENDING', 'REFUSED') THEN excluded.round_id
                       ELSE w.round_id END,
       currency = CASE WHEN w.state IN ('PENDING', 'REFUSED') THEN excluded.currency
                       ELSE w.currency END,
       amount = CASE WHEN w.state IN ('PENDING', 'REFUSED') THEN excluded.amount ELSE w.amount END;

-- name: game_record_win_outcome
-- Store the wallet's final answer to a win: PAID, REFUSED or REVERSED. A reversed win does not
-- become paid again, and only a pending win can become refused.
UPDATE game.win
   SET state = CASE WHEN %(state)s = 'PAID' AND state = 'REVERSED' THEN state ELSE %(state)s END,
       changed_at = clock_timestamp()
 WHERE brand_id = %(brand_id)s AND provider_id = %(provider_id)s
   AND transaction_id = %(transaction_id)s AND player_id = %(player_id)s
   AND (%(state)s <> 'REFUSED' OR state = 'PENDING');

-- name: game_wins
-- A page of a provider's wins that were reported in [from, to), after the cursor. The wins are of
-- all brands, or of one brand.
SELECT sequence, brand_id, transaction_id, player_id, campaign, bet_id, round_id, currency, amount,
       state, placed_at, changed_at
  FROM game.win
 WHERE provider_id = %(provider_id)s
   AND sequence > %(cursor)s
   AND placed_at >= %(placed_from)s AND placed_at < %(placed_to)s
   AND (%(brand_id)s::uuid IS NULL OR brand_id = %(brand_id)s)
 ORDER BY sequence
 LIMIT %(limit)s;
