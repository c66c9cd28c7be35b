"""Export tables of the wallet for an investigation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from rubyops.effects.base import Effect, EffectContext, Outcome, Traits
from rubyops.ports import EffectIdentity


class ExportPort(Protocol):
    """Copies tables to files."""

    def export(self, identity: EffectIdentity, tables: Sequence[str]) -> dict[str, object]:
        """Copy the tables in one snapshot; return the folder, and rows and sha256 of each table."""


@dataclass(frozen=True)
class ExportTables(Effect[ExportPort]):
    """Copy these wallet tables, in one snapshot, into the environment's export folder.

    A manifest beside them records row counts and digests.
    """

    tables: tuple[str, ...]

    traits = Traits(mild=True)

    def describe(self) -> str:
        """Name the tables."""
        return f"export {len(self.tables)} tables in one snapshot: {', '.join(self.tables)}"

    def carry_out(self, port: ExportPort, context: EffectContext) -> Outcome:
        """Export the tables."""
        manifest = port.export(context.identity, self.tables)
        return Outcome("ok", f"{len(self.tables)} tables in {manifest['folder']}", manifest)
