"""Fencing: a change by a run commits only if no newer run has taken over.

The change's transaction locks the fence row with the run's token. A newer run cannot raise the
token until that transaction ends. After a newer run has raised the token, the lock is refused: both
functions raise `FencingTokenOvertaken` (409), which rolls the change back.
"""

from wallet_runtime.plumbing.runtime.database import DatabaseSession


def hold(session: DatabaseSession, token: int | None) -> None:
    """Lock the fence until this transaction ends; without a token do nothing."""
    if token is not None:
        session.run("fence_hold", token=token)


def note_change(session: DatabaseSession, token: int | None) -> None:
    """Count a change of the platform (`contract.routes.CHANGING_ROUTES`) and lock the fence.

    The count shows that an earlier verification is outdated. Without a token no fence is locked.
    """
    session.run("fence_note_change", token=token)
