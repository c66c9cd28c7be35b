"""A comparison with two consumers: each group is asked only for events its consumer lacks."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import uuid4

import pytest

from wallet_runtime.plumbing.events.delivery import Delivery
from wallet_runtime.plumbing.events.outbox import Outbox
from wallet_runtime.plumbing.events.streams import Streams
from wallet_runtime.plumbing.runtime.database import Database

EVENT = uuid4()
LACKING = {"publication_no": 3, "event_id": EVENT, "entry_id": "1-0", "resends": 0}
NOTHING = {"publication_no": None, "event_id": None, "entry_id": None, "resends": None}
PAGE = {"page_end": 5, "page_rows": 5}


@dataclass
class Servers:
    """A stub of PostgreSQL and Redis: "first" has every event, "second" lacks one."""

    second_can_read: bool
    resent_for: list[str] = field(default_factory=list)
    noted: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def session(self) -> Iterator["Servers"]:
        yield self

    def all(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        if statement == "wallet_outbox_behind":
            return [{"partition_no": 0}]
        if statement == "wallet_outbox_unapplied_by_first":
            return [PAGE | NOTHING]
        if statement == "wallet_outbox_unapplied_by_second":
            return [PAGE | LACKING]
        self.resent_for.append(statement.removeprefix("wallet_outbox_resend_to_"))
        return [{"event_id": event_id, "resent": True} for event_id in values["event_ids"]]

    def one(self, statement: str, **values: Any) -> dict[str, Any]:
        self.noted = values
        return {"missing": sum(values["missing"])}

    def in_reach(self, stream: str, group: str, entries: Mapping[str, str]) -> set[str]:
        # The first consumer has acknowledged the entry, so its group has it no more.
        return {*entries} if group == "group of second" and self.second_can_read else set()


def compared(servers: Servers) -> tuple[int, list[int]]:
    """Take one turn; return the number of resent events, and the stored `applied_nos`."""
    delivery = Delivery(
        Outbox("wallet", lambda partition_no: "stream"),
        {"first": "group of first", "second": "group of second"},
        cast(Database, servers),
        cast(Streams, servers),
    )
    return delivery.turn(), servers.noted["applied_nos"]


@pytest.mark.parametrize(
    ("second_can_read", "again", "resent_for"), [(True, 0, []), (False, 1, ["second"])]
)
def test_what_one_consumer_lacks_goes_again_when_its_own_group_cannot_read_it(
    second_can_read: bool, again: int, resent_for: list[str]
) -> None:
    servers = Servers(second_can_read)
    assert compared(servers) == (again, [2]), "the slowest consumer says what is applied"
    assert servers.resent_for == resent_for
    assert servers.noted["missing"] == [0], "what goes again is counted as unpublished"
