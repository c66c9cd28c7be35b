-- Rules of the trade beside bets and cash: what the open bets of a round hold together.

-- What open bets of a round, by one player at one provider, hold of each account; read_state adds it for authorize (provider_id, round_id).
CREATE FUNCTION wallet.read_round(c jsonb, p_brand uuid, p_player uuid) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('round', coalesce(jsonb_object_agg(account, amount), '{}'))
      FROM (SELECT f->>'account' AS account, sum((f->>'amount')::bigint)::bigint AS amount
              FROM wallet.wallet_bet_authorization a, jsonb_array_elements(a.funding) f
             WHERE a.brand_id = p_brand AND a.player_id = p_player AND a.state = 'AUTHORIZED'
               AND a.provider_id = c->>'provider_id' AND a.round_id = c->>'round_id' GROUP BY 1) open_stake
$$;
