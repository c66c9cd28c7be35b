"""The drain port: counts unpublished events in the outbox, and follows one canary event."""

from dataclasses import dataclass

from rubyops.adapters.access import Access, WalletRules
from rubyops.adapters.actor import CANARY_BRAND, derived
from rubyops.adapters.database import DatabaseBusy, Link
from rubyops.effects.drain import DrainPort
from rubyops.ports import EffectIdentity


@dataclass(frozen=True)
class Outbox:
    """Implements `DrainPort`."""

    platform: Link
    rules: WalletRules

    def count_unpublished(self, lock_timeout_ms: int) -> int | None:
        """Count unpublished events under a table lock. None when the lock timed out."""
        try:
            row = self.platform.one("ops_count_unpublished", lock_timeout_ms=lock_timeout_ms)
        except DatabaseBusy:
            return None
        return int(row["unpublished"])

    def holders(self) -> tuple[str, ...]:
        """Name the sessions that lock the outbox table."""
        return self.rules.holding(self.rules.outbox_table)

    def publish_canary(self, identity: EffectIdentity) -> str:
        """Write this effect's canary event to the outbox once; return the event's id."""
        player = derived(identity.effect_id, "outbox", "player")
        named = {"effect_id": identity.effect_id, "brand_id": CANARY_BRAND, "player_id": player}
        row = self.platform.one("ops_publish_canary", token=identity.token, **named)
        return str(row["event_id"])

    def canary_arrived(self, event_id: str) -> bool:
        """Whether the canary event is in the inbox of every consumer."""
        return bool(self.platform.one("ops_canary_arrived", event_id=event_id)["arrived"])


def connect(access: Access) -> DrainPort:
    """Build the drain port on the platform's database."""
    return Outbox(access.platform, access.rules)
