"""Checks of the seal (the strictest freeze level) in the transaction of a write.

The database refuses a write under a seal: the triggers `unsealed` and the function `hold` raise
`Maintenance` (503). A seal that begins meanwhile takes effect after the open writes have ended.
`contract.seal` lists the writers that a seal lets through.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from wallet_runtime.plumbing.errors import CanaryTokenInvalid
from wallet_runtime.plumbing.runtime.database import Database, DatabaseSession


def hold(session: DatabaseSession) -> None:
    """Raise `Maintenance` under a seal; a new seal waits until this transaction ends."""
    session.run("seal_hold")


def show_pass(session: DatabaseSession, canary_token: str | None) -> None:
    """Pass a canary token, if there is one, to the triggers of this transaction."""
    if canary_token is not None:
        session.run("seal_show_pass", token=canary_token)


def confirm_pass(
    database: Database, token: str | None, brand_id: UUID | None, player_id: UUID | None
) -> None:
    """Raise `CanaryTokenInvalid` (403) if a token is no valid pass for this brand and player.

    The pass must be of the run with the newest fencing token. None as brand or player means any.
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
    """Borrow a session for writes; a canary's pass lets them through a seal."""
    if canary_token is None:
        with database.session() as session:
            yield session
        return
    with database.transaction() as session:
        show_pass(session, canary_token)
        yield session
