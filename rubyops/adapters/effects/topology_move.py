"""The topology move port, on the platform's database."""

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
        """Move the next players of this run, at most `limit` players.

        The first batch of a run fixes the document and the last player of the whole run.
        """
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
        return _count(row, self._money(undoes or identity.run_id) if row["finished"] else ())

    def _money(self, moved_by: str) -> tuple[Row, ...]:
        return tuple(self.platform.rows("topology_move_money", run_id=moved_by))


def _count(row: Row, money: tuple[Row, ...]) -> MoveCount:
    return MoveCount(
        row["scanned"], row["players"], row["legs"], row["referring"], row["finished"], money
    )


def connect(access: Access) -> TopologyMovePort:
    """Build the topology move port."""
    return TopologyMoves(access.platform)
