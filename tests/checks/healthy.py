"""The data of a healthy platform, and functions that break one part of it."""

import dataclasses
from typing import Any

from checks.platform import (
    policy_endpoint,
    topology_endpoint,
)
from rubyops.ports import Copy, HttpAnswer, Row
from rubyops.testing.reading import MemoryRead
from wallet_runtime.contract.events import CONSUMER_GROUPS
from wallet_runtime.contract.processes import (
    PROCESSES,
    WALLET_SERVICE,
    WORKER_PROCESSES,
)

LOOP = {"age_seconds": 0.1, "limit_seconds": 5, "failures": 0, "ok": True}
PAIR: Row = {"topology_code": "RUBY_SPLIT_V1", "topology_version": 1}
DRAINED: Row = {
    "wallet_unpublished": 0,
    "rolling_unpublished": 0,
    "oldest_age_ms": None,
    "unapplied": 0,
    "missing": 0,
    "compared_age_ms": 900,
    "set_aside": 0,
}
POLICY: Row = {"policy_key": "default", "version": 1, **PAIR}


def health(process: str) -> HttpAnswer:
    loops = {"turns": LOOP} if process in WORKER_PROCESSES else {}
    return HttpAnswer(
        200,
        {
            "process": process,
            "checks": {"database": "ok"},
            "loops": loops,
            "legacy_token_present": False,
        },
    )


def beat(process: str, **changes: Any) -> Row:
    row = {"process": process, "copy": 1, "url": "http://127.0.0.1:1", "version": "v", "pid": 1}
    said = {"acknowledged_epoch": 4, "heartbeat_age_ms": 150, "ended": False}
    return {**row, **said, **changes}


def healthy(**changes: Any) -> MemoryRead:
    answers = {(process, 1, "/health"): health(process) for process in PROCESSES}
    answers[WALLET_SERVICE, 1, topology_endpoint.PATH] = HttpAnswer(200, PAIR)
    answers[WALLET_SERVICE, 1, policy_endpoint.PATH] = HttpAnswer(200, {"policies": [POLICY]})
    reported = [beat(process) for process in PROCESSES]
    facts = {
        "facts_service_copies": reported,
        "facts_freeze": [{"level": "ingress", "epoch": 4}],
        "facts_freeze_layers": [],
        "facts_lock_holders": [],
        "facts_prepared_holders": [],
        "facts_gate": [
            {
                **PAIR,
                "policy_key": "default",
                "policy_version": 1,
                "freeze_level": "ingress",
                "freeze_epoch": 4,
                "settled_epoch": 4,
            }
        ],
        "facts_topologies": [
            {"code": "RUBY_SPLIT_V1", "version": 1, "state": "ACTIVE"},
            {"code": "RUBY_SPLIT_V1", "version": 2, "state": "DRAFT"},
        ],
        "facts_active_policies": [POLICY],
        "facts_outbox": [DRAINED],
    }
    groups = [
        {"stream": stream, "group": group, "lag": 0, "pending": 0, "length": 9}
        for stream, group in CONSUMER_GROUPS
    ]
    copies = [Copy(process, 1, "http://127.0.0.1:1", 1, "running") for process in PROCESSES]
    read = MemoryRead(facts=facts, kept=copies, answers=answers, stream_groups=groups)
    return dataclasses.replace(read, **changes)


def with_copy(process: str, state: str) -> list[Copy]:
    return [
        dataclasses.replace(copy, state=state) if copy.process == process else copy
        for copy in healthy().kept
    ]


def beats(process: str, **changes: Any) -> dict[str, Any]:
    """A healthy platform in which the heartbeat of one process has these changes."""
    rows = [beat(name, **(changes if name == process else {})) for name in PROCESSES]
    return with_fact("facts_service_copies", *rows)


def with_answer(
    process: str, path: str, answer: HttpAnswer
) -> dict[tuple[str, int, str], HttpAnswer]:
    return {**healthy().answers, (process, 1, path): answer}


def with_fact(query: str, *rows: Row) -> dict[str, Any]:
    return {**healthy().facts, query: list(rows)}
