"""Topology moves in the operated database."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from rubyops.adapters.access import Access
from rubyops.adapters.database import Link
from rubyops.effects.topology_move import MoveCount, TopologyMovePort
from rubyops.ports import EffectIdentity, Row


@dataclass(frozen=True)
class TopologyMoves:
    """Implements `TopologyMovePort`."""

    platform: Link

    def batch(
        self,
        identity: EffectIdentity,
        document: Mapping[str, object] | None,
        digest: str,
        undoes: str | None,
        limit: int,
    ) -> MoveCount:
        """Do the next batch of this run; the first one fixes what is moved, and how far."""
        self.platform.rows(
            "topology_move_batch",
            run_id=identity.run_id,
            token=identity.token,
            by=identity.by,
            document=None if document is None else json.dumps(document),
            digest=digest,
            undoes=undoes,
            limit=limit,
        )
        row = self.platform.one("topology_move_run", run_id=identity.run_id)
        money: tuple[Row, ...] = ()
        if row["finished"]:
            moved_by = undoes or identity.run_id
            money = tuple(self.platform.rows("topology_move_money", run_id=moved_by))
        return MoveCount(
            row["scanned"], row["players"], row["legs"], row["referring"], row["finished"], money
        )


def connect(access: Access) -> TopologyMovePort:
    """Make the port."""
    return TopologyMoves(access.platform)
