"""Lock, freeze, journal anchors and verifications, as stored in the database `control`."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from rubyops.adapters.database import Link
from rubyops.adapters.host import is_gone
from rubyops.errors import CheckFailed, LockHeld, LockLost, Unreachable
from rubyops.model.freeze import FreezeChange, FreezeState
from rubyops.model.platform_state import differences
from rubyops.ports import EffectIdentity, Holder, LockState, Row

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
        """Read the wanted freeze, which may not be in force yet."""
        row = self._link.one("facts_freeze")
        return FreezeState(**row)

    def raise_freeze(self, identity: EffectIdentity, level: str, reason: str) -> FreezeChange:
        """Add a freeze layer of the effect's run. A repeat of the effect changes nothing.

        Needs no lock.
        """
        row = self._link.one(
            "control_raise_freeze",
            effect_id=identity.effect_id,
            run_id=identity.run_id,
            owner=identity.owner,
            level=level,
            reason=reason,
            by=identity.by,
            known_epoch=identity.known_epoch,
        )
        return FreezeChange(**row)

    def take_over_freeze(self, identity: EffectIdentity, from_run: str) -> FreezeChange:
        """Take over the freeze of the run `from_run`. A repeat of the effect changes nothing."""
        row = self._link.one(
            "control_take_over_freeze",
            effect_id=identity.effect_id,
            run_id=identity.run_id,
            token=identity.token,
            from_run=from_run,
            by=identity.by,
            known_epoch=identity.known_epoch,
        )
        return FreezeChange(**row)

    def lift_freeze(
        self, identity: EffectIdentity, reason: str, take_over: str, change_no: int | None
    ) -> FreezeChange:
        """Remove the freeze layers of the effect's run or owner, and of the run `take_over`.

        A repeat of the effect changes nothing.
        """
        more = {"reason": reason, "take_over": take_over, "change_no": change_no}
        return FreezeChange(**self._link.one("control_lift_freeze", **asdict(identity), **more))

    def last_freeze_of(self, run_id: str) -> tuple[int, str] | None:
        """Return (epoch, level) of the newest freeze change that a run made, None without one."""
        rows = self._link.rows("control_last_freeze_of", run_id=run_id)
        return (rows[0]["epoch"], rows[0]["level"]) if rows else None

    def note_change(self, what: str, by: str) -> None:
        """Increase the platform's change number, so that earlier verifications become invalid."""
        self._link.one("control_note_change", what=what, by=by)

    def acquire(self, run_id: str, holder: Holder) -> int:
        """Take the lock and return a new fencing token. Raises `LockHeld`.

        The lock must be free or expired, or its holder must have died on this machine.
        """
        taken = self._take(run_id, holder)
        if taken:
            return int(taken[0]["token"])
        present = self.lock()
        if present is None:
            return self.acquire(run_id, holder)
        raise _held(present)

    def _take(self, run_id: str, holder: Holder) -> list[Row]:
        held = self.lock()
        dead = held.token if held is not None and held.gone else NO_TOKEN
        return self._link.rows(
            "control_lock_take",
            run_id=run_id,
            holder=json.dumps(asdict(holder)),
            lease_seconds=LEASE_SECONDS,
            dead_token=dead,
        )

    def renew(self, run_id: str, token: int) -> None:
        """Renew the lease. Raises `LockLost` when this run does not hold the lock any more."""
        renewed = self._link.rows(
            "control_lock_renew", run_id=run_id, token=token, lease_seconds=LEASE_SECONDS
        )
        if not renewed:
            raise _lost(run_id, token)

    def release(self, run_id: str, token: int) -> None:
        """Release the lock if this run still holds it."""
        self._link.rows("control_lock_release", run_id=run_id, token=token)

    def lock(self) -> LockState | None:
        """Return the holder of the lock, None while the lock is free.

        `gone` is true when the lease has expired or the holder's process has ended.
        """
        rows = self._link.rows("control_lock_show")
        return _lock_state(rows[0]) if rows else None

    def anchor(self, run_id: str, sequence: int, digest: str) -> None:
        """Store the number and the hash of a journal's newest line."""
        self._link.rows("control_journal_anchor", run_id=run_id, sequence=sequence, hash=digest)

    def head(self, run_id: str) -> tuple[int, str] | None:
        """Return (number, hash) of the newest anchored line of a journal, None without one."""
        rows = self._link.rows("control_journal_head", run_id=run_id)
        return (rows[0]["sequence"], rows[0]["hash"]) if rows else None

    def begin_verification(self, identity: EffectIdentity, kind: str, state: Row) -> None:
        """Record that a part of the verification begins on this state of the platform."""
        self._link.rows(
            "control_begin_verification",
            **_part(identity, kind, state),
            effect_id=identity.effect_id,
        )

    def pass_verification(self, identity: EffectIdentity, kind: str, state: Row) -> None:
        """Record that a part passed. Raises `CheckFailed` when the state has changed since."""
        if self._link.rows("control_pass_verification", **_part(identity, kind, state)):
            return
        begun = self._link.rows("control_begun_state", run_id=identity.run_id, kind=kind)
        changed = differences(begun[0]["state"], state) if begun else ["it was never begun"]
        raise _changed_meanwhile(kind, changed)


def _changed_meanwhile(kind: str, changed: Sequence[str]) -> CheckFailed:
    return CheckFailed(
        f"{kind} is not recorded: the platform changed while it was verified "
        f"({'; '.join(changed)})",
        details={"changed": changed},
    )


def _lost(run_id: str, token: int) -> LockLost:
    return LockLost(
        f"run {run_id} no longer holds the lock under token {token}; it changes nothing any more",
        next_command="rubyops lock show",
    )


def _held(lock: LockState) -> LockHeld:
    holder = lock.holder
    return LockHeld(
        f"run {lock.run_id} of {holder.who} on {holder.host} (process {holder.pid}) holds the lock "
        f"since {lock.acquired_at:%Y-%m-%d %H:%M:%S} UTC; nothing was changed",
        # A freeze needs no lock, so it works while another run holds the lock.
        next_command="rubyops lock show   |   rubyops freeze",
        details={
            "run": lock.run_id,
            "holder": asdict(holder),
            "expires_at": lock.expires_at.isoformat(),
        },
    )


def _lock_state(row: Row) -> LockState:
    holder = Holder(**row["holder"])
    return LockState(
        row["run_id"],
        holder,
        row["token"],
        row["acquired_at"],
        row["expires_at"],
        row["expired"] or is_gone(holder),
    )


def _part(identity: EffectIdentity, kind: str, state: Row) -> Row:
    return {
        "run_id": identity.run_id,
        "token": identity.token,
        "kind": kind,
        "state": json.dumps(state),
    }
