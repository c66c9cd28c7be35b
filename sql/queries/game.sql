-- name: game_record_authorize
-- Before the wallet is asked: the round, the callback (counting repeats) and the bet as its
-- provider believes it to be. A try that was refused, or never got its answer, says nothing of this
-- one: until the wallet has accepted a bet it is what the newest try says.
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
-- Before the wallet is asked to settle or roll back: the callback, counting repeats.
INSERT INTO game.callback AS c (brand_id, provider_id, kind, request_id, bet_id, round_id,
                                player_id, amount)
VALUES (%(brand_id)s, %(provider_id)s, %(kind)s, %(request_id)s, %(bet_id)s, %(round_id)s,
        %(player_id)s, %(amount)s)
ON CONFLICT (brand_id, provider_id, kind, request_id) DO UPDATE SET attempts = c.attempts + 1;

-- name: game_record_outcome
-- After the wallet's answer: keep it, and move the bet in the provider's books. Whose bet it is and
-- what it is worth follows the answered callback and the wallet's answer: another try may have
-- written over both in between.
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
-- A provider's view of its bets placed in [from, to), a page after the cursor, over all brands or
-- one.
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
-- Before the wallet is asked: the win as its provider reports it, counting repeats. What the wallet
-- has paid stays as it was.
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
-- After the wallet's final answer: PAID or REFUSED of a win that waits, REVERSED of one that was
-- paid.
UPDATE game.win
   SET state = CASE WHEN %(state)s = 'PAID' AND state = 'REVERSED' THEN state ELSE %(state)s END,
       changed_at = clock_timestamp()
 WHERE brand_id = %(brand_id)s AND provider_id = %(provider_id)s
   AND transaction_id = %(transaction_id)s AND player_id = %(player_id)s
   AND (%(state)s <> 'REFUSED' OR state = 'PENDING');

-- name: game_wins
-- A provider's view of its wins reported in [from, to), a page after the cursor, over all brands or
-- one.
SELECT sequence, brand_id, transaction_id, player_id, campaign, bet_id, round_id, currency, amount,
       state, placed_at, changed_at
  FROM game.win
 WHERE provider_id = %(provider_id)s
   AND sequence > %(cursor)s
   AND placed_at >= %(placed_from)s AND placed_at < %(placed_to)s
   AND (%(brand_id)s::uuid IS NULL OR brand_id = %(brand_id)s)
 ORDER BY sequence
 LIMIT %(limit)s;
