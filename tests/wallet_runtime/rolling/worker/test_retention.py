"""rolling_worker removes old rows and entries, and no others."""

from tests.wallet_runtime.conftest import AsRole
from tests.wallet_runtime.events import Player
from tests.wallet_runtime.line import Line, Look
from wallet_runtime.plumbing.events.retention import RetentionHours
from wallet_runtime.plumbing.events.streams import Streams
from wallet_runtime.rolling.worker import retention_of


def test_rolling_removes_what_is_past_its_time(
    impatient: Line, look: Look, as_role: AsRole, streams: Streams
) -> None:
    impatient.wallet.require(Player(3), 10)
    impatient.wallet.require(Player(4), 10)
    impatient.run()
    keeper = retention_of(as_role("rolling_worker"), streams, RetentionHours())
    assert keeper.turn() == 0
    look(
        "UPDATE rolling.rolling_inbox SET received_at = now() - interval '15 days'"
        " WHERE stream LIKE '%%3' RETURNING 1"
    )
    assert (keeper.turn(), look("SELECT count(*) FROM rolling.rolling_inbox")) == (1, [(1,)])
    failed = (
        "INSERT INTO rolling.rolling_event_failure"
        " (event_id, brand_id, player_id, tries, last_error, last_at)"
        " SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, 'planted',"
        " now() - days * interval '1 day'"
        " FROM unnest(ARRAY[13, 15]) AS days RETURNING 1"
    )
    assert len(look(failed)) == 2
    assert (keeper.turn(), look("SELECT count(*) FROM rolling.rolling_event_failure")) == (
        1,
        [(1,)],
    )
