"""The connections, clients and wallet rules that the adapters of one environment share."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rubyops.adapters.control import ControlDatabase
from rubyops.adapters.database import Link
from rubyops.adapters.driver import Driver
from rubyops.adapters.http import CallClient
from rubyops.adapters.suites import PytestSuites
from rubyops.effects.flow import Flow
from rubyops.model.freeze import FreezeTruth
from rubyops.ports import Read, Row


@dataclass(frozen=True)
class WalletRules:
    """Questions about the wallet that an adapter asks and does not answer itself.

    `truth` tells the freeze in force and never raises, `whose` says its layers in words, `state`
    reads the state that a verification stands for, `holding` names who holds a table.
    """

    truth: Callable[[], FreezeTruth]
    whose: Callable[[FreezeTruth], list[str]]
    state: Callable[[], Row]
    holding: Callable[[str], tuple[str, ...]]
    fence_tables: tuple[str, ...]
    outbox_table: str

    def fence_holders(self) -> str:
        """Name the sessions that hold the fence, in words."""
        named = dict.fromkeys(
            holder for table in self.fence_tables for holder in self.holding(table)
        )
        return "; ".join(named) or "a session that is not seen any more"


@dataclass(frozen=True)
class Access:
    """Everything that the port of a family of effects may be made of.

    `platform` connects as the operators' role. Nothing is connected before the first act.
    """

    driver: Driver
    platform: Link
    control: ControlDatabase
    read: Read
    client: CallClient
    suites: PytestSuites
    exports: Path
    flow: Callable[[str], Flow]
    rules: WalletRules
