"""The lock, the freeze, the journal's anchor and the verifications in `control`, as the operators' role."""

import json
from dataclasses import asdict

from rubyops.adapters.database import Link
from rubyops.adapters.host import is_gone
from rubyops.errors import LockHeld, LockLost, Unreachable
from rubyops.ports import FreezeState, Holder, LockState, Mark

LEASE_SECONDS = 15.0
NO_TOKEN = -1


class ControlDatabase:
    """Implements the `Control` port."""

    def __init__(self, link: Link) -> None:
        """Use this connection of the operators' role."""
        self._link = link

    def reachable(self) -> bool:
        """Whether the control database answers and has its schema."""
        try:
            return bool(self._link.one("control_ready")["ready"])
        except Unreachable:
            return False

    def freeze(self) -> FreezeState:
        """Read the present freeze state."""
        row = self._link.one("facts_freeze")
        return FreezeState(row["level"], row["epoch"], row["reason"], row["run_id"], row["changed_at"])

    def set_freeze(self, mark: Mark, level: str, reason: str) -> tuple[int, bool]:
        """Set the level once per effect id. Raises `LockLost` when the run does not hold the lock."""
        row = self._link.one("control_set_freeze", **asdict(mark), level=level, reason=reason)
        return row["epoch"], row["applied"]

    def acquire(self, run_id: str, holder: Holder) -> int:
        """Take the lock: a free one, an expired one, or one whose holder died on this machine. Raises `LockHeld`."""
        held = self.lock()
        dead = held.token if held is not None and held.gone else NO_TOKEN
        taken = self._link.rows(
            "control_lock_take", run_id=run_id, holder=json.dumps(asdict(holder)), lease_seconds=LEASE_SECONDS, dead_token=dead
        )
        if taken:
            return int(taken[0]["token"])
        present = self.lock()
        if present is None:
            return self.acquire(run_id, holder)
        raise LockHeld(
            f"run {present.run_id} of {present.holder.who} on {present.holder.host} (process {present.holder.pid}) holds the lock since "
            f"{present.acquired_at:%Y-%m-%d %H:%M:%S} UTC; nothing was changed",
            next_command="rubyops lock show",
            details={"run": present.run_id, "holder": asdict(present.holder), "expires_at": present.expires_at.isoformat()},
        )

    def renew(self, run_id: str, token: int) -> None:
        """Prolong the lease. Raises `LockLost`."""
        if not self._link.rows("control_lock_renew", run_id=run_id, token=token, lease_seconds=LEASE_SECONDS):
            raise LockLost(
                f"run {run_id} no longer holds the lock under token {token}; it changes nothing any more", next_command="rubyops lock show"
            )

    def release(self, run_id: str, token: int) -> None:
        """Give the lock back, if it is still ours."""
        self._link.rows("control_lock_release", run_id=run_id, token=token)

    def lock(self) -> LockState | None:
        """Say who holds the lock; `gone` when the lease ran out or the holder's process is known to be dead."""
        rows = self._link.rows("control_lock_show")
        if not rows:
            return None
        row = rows[0]
        holder = Holder(**row["holder"])
        return LockState(row["run_id"], holder, row["token"], row["acquired_at"], row["expires_at"], row["expired"] or is_gone(holder))

    def anchor(self, run_id: str, sequence: int, digest: str) -> None:
        """Keep the newest line of a journal."""
        self._link.rows("control_journal_anchor", run_id=run_id, sequence=sequence, hash=digest)

    def head(self, run_id: str) -> tuple[int, str] | None:
        """Return the newest anchored line of a journal."""
        rows = self._link.rows("control_journal_head", run_id=run_id)
        return (rows[0]["sequence"], rows[0]["hash"]) if rows else None

    def record_verification(self, mark: Mark, kind: str) -> int:
        """Record a passed part of the verification at the present freeze epoch. Raises `LockLost`."""
        rows = self._link.rows("control_record_verification", kind=kind, run_id=mark.run_id, effect_id=mark.effect_id, token=mark.token)
        if not rows:
            raise LockLost(f"run {mark.run_id} no longer holds the lock, so {kind} was not recorded")
        return int(rows[0]["freeze_epoch"])
