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
    """Functions about the wallet that adapters call and do not implement.

    `truth` returns the freeze in force and never raises. `whose` describes each freeze layer in
    words. `state` reads the platform state that a verification is valid for. `holding` names the
    sessions that lock a table.
    """

    truth: Callable[[], FreezeTruth]
    whose: Callable[[FreezeTruth], list[str]]
    state: Callable[[], Row]
    holding: Callable[[str], tuple[str, ...]]
    fence_tables: tuple[str, ...]
    outbox_table: str

    def fence_holders(self) -> str:
        """Describe the sessions that lock the fence tables."""
        named = dict.fromkeys(
            holder for table in self.fence_tables for holder in self.holding(table)
        )
        return "; ".join(named) or "a session that is not seen any more"


@dataclass(frozen=True)
class Access:
    """The clients and rules from which the port of an effect family is built.

    `platform` connects as the operators' role. Each connection is opened on first use.
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
