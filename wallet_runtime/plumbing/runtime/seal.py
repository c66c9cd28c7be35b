"""The seal, held in the transaction of a write.

Until that transaction has ended no seal is settled, and under a seal nothing is written. The
database judges, by the triggers `unsealed` or by `hold`; both raise `Maintenance` (503).
`contract.seal` lists what passes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from wallet_runtime.plumbing.errors import CanaryTokenInvalid
from wallet_runtime.plumbing.runtime.database import Database, DatabaseSession


def hold(session: DatabaseSession) -> None:
    """Refuse to go on while money is sealed; no seal is settled until this transaction ends."""
    session.run("seal_hold")


def show_pass(session: DatabaseSession, canary_token: str | None) -> None:
    """Show a canary's token to the triggers of this transaction, where there is one."""
    if canary_token is not None:
        session.run("seal_show_pass", token=canary_token)


def confirm_pass(
    database: Database, token: str | None, brand_id: UUID | None, player_id: UUID | None
) -> None:
    """Refuse (403) a canary token that is no pass of the run in charge for this brand and player.

    None stands for any brand or player.
    """
    if token is None:
        return
    with database.session() as session:
        if not session.one("seal_knows_pass", token=token, brand_id=brand_id, player_id=player_id)[
            "known"
        ]:
            raise CanaryTokenInvalid


@contextmanager
def writing(database: Database, canary_token: str | None) -> Iterator[DatabaseSession]:
    """Borrow a session for statements that a seal refuses, unless a canary's pass is shown."""
    if canary_token is None:
        with database.session() as session:
            yield session
        return
    with database.transaction() as session:
        show_pass(session, canary_token)
        yield session
