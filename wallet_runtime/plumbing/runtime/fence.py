"""The operators' fence, held in the transaction of the act that an operator asks for.

While it is held no other run can raise the fence, and after another run has raised it nothing is
held: an act commits before it is overtaken, or not at all. Both functions raise
`FencingTokenOvertaken` (409), and the act is taken back with its transaction.
"""

from wallet_runtime.plumbing.runtime.database import DatabaseSession


def hold(session: DatabaseSession, token: int | None) -> None:
    """Hold the fence until this transaction ends; a caller without a token is under no fence."""
    if token is not None:
        session.run("fence_hold", token=token)


def note_change(session: DatabaseSession, token: int | None) -> None:
    """Count a change of the platform (`contract.routes.CHANGING_ROUTES`), and hold the fence."""
    session.run("fence_note_change", token=token)
