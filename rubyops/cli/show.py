"""Lines that show documents, bets, one subject's history and the configuration."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from rubyops import bootstrap
from rubyops.bootstrap import EnvironmentServices
from rubyops.cli.console import Console, envelope, row
from rubyops.cli.options import line
from rubyops.errors import RubyopsError, Unreachable, UsageError
from rubyops.model.exit_code import ExitCode
from rubyops.ports import HttpAnswer, Row
from wallet_runtime.contract import WALLET_SERVICE

BETS_MAX = 100
TRACED_MAX = 200
DOCUMENT_BYTES_MAX = 1_000_000
_PREFIX = "/internal/wallet"


@click.command("show")
@line
def topology_show(*, console: Console, environment: str | None) -> int:
    """Show the active topology's document and every saved version."""
    return _show_documents(console, environment, "topology", "facts_topologies", "code")


@click.command("show")
@line
def policy_show(*, console: Console, environment: str | None) -> int:
    """Show the active policies' documents and every saved version."""
    return _show_documents(console, environment, "policy", "facts_policies", "policy_key")


def _show_documents(
    console: Console, environment: str | None, kind: str, query: str, key: str
) -> int:
    toolkit = bootstrap.open_environment(environment)
    saved = toolkit.reader.rows(query)
    answer = toolkit.reader.get(WALLET_SERVICE, f"{_PREFIX}/{kind}/active")
    active = _accepted(answer, allowed=(404, 409, 503)) or {}
    console.table(
        [[item[key], item["version"], item["state"]] for item in saved], [key, "version", "state"]
    )
    if active:
        console.data(json.dumps(active, indent=2, ensure_ascii=False))
    rows = [
        row(
            f"{item[key]}/{item['version']}", f"{item[key]} v{item['version']}", item["state"], item
        )
        for item in saved
    ]
    console.answer(envelope(f"rubyops.{kind}/v1", toolkit.environment.name, rows, active=active))
    return ExitCode.DONE


@click.command("validate")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--policy",
    type=click.Path(path_type=Path),
    help="The policy document that is to be activated with it.",
)
@line
def topology_validate(
    *, console: Console, environment: str | None, file: Path, policy: Path | None
) -> int:
    """Try the topology document in FILE (JSON) against every rule; saves nothing."""
    body = {
        "topology_document": _document(file),
        "policy_document": _document(policy) if policy else None,
    }
    return _validate(console, environment, file, body)


@click.command("validate")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--topology",
    type=click.Path(path_type=Path),
    help="The topology document that it is for; the saved one that it names if none is given.",
)
@line
def policy_validate(
    *, console: Console, environment: str | None, file: Path, topology: Path | None
) -> int:
    """Try the policy document in FILE (JSON) together with its topology; saves nothing."""
    policy = _document(file)
    document = (
        _named_topology(bootstrap.open_environment(environment), file, policy)
        if topology is None
        else _document(topology)
    )
    return _validate(
        console, environment, file, {"topology_document": document, "policy_document": policy}
    )


def _named_topology(toolkit: EnvironmentServices, file: Path, policy: Any) -> Any:
    """Return the saved topology that a policy names; without one the policy can be judged by nothing."""
    named = policy.get("topology") if isinstance(policy, dict) else None
    code, version = (
        (named.get("code"), named.get("version")) if isinstance(named, dict) else (None, None)
    )
    if not isinstance(code, str) or not code:
        raise UsageError(
            f"{file} does not name the topology that it is for (topology.code, topology.version): name a file by --topology"
        )
    answer = (
        _accepted(
            toolkit.reader.get(WALLET_SERVICE, f"{_PREFIX}/topology/{quote(code, safe='')}"),
            allowed=(404,),
        )
        or {}
    )
    found = [item["document"] for item in answer.get("versions", []) if item["version"] == version]
    if not found:
        known = ", ".join(f"v{item['version']}" for item in answer.get("versions", [])) or "none"
        raise UsageError(
            f"topology {code} v{version}, which {file} is for, is not saved (saved: {known}): name its file by --topology",
            next_command="rubyops topology show",
        )
    return found[0]


def _validate(
    console: Console, environment: str | None, file: Path, body: Mapping[str, object]
) -> int:
    toolkit = bootstrap.open_environment(environment)
    sent = {name: value for name, value in body.items() if value is not None}
    answer = _accepted(toolkit.ask(WALLET_SERVICE, f"{_PREFIX}/topology/validate", sent)) or {}
    violations: list[Any] = answer.get("violations", [])
    for violation in violations:
        console.data(f"{console.mark('failed')} {_violation(violation)}")
    console.data(
        f"{file}: {'valid' if not violations else f'{len(violations)} x a rule is broken'}"
    )
    rows = [
        row(str(number), "rule", _violation(violation), {"violation": violation}, status="failed")
        for number, violation in enumerate(violations, 1)
    ]
    code = ExitCode.CHECK_FAILED if violations else ExitCode.DONE
    console.answer(
        envelope("rubyops.document/v1", toolkit.environment.name, rows, exit_code=int(code))
    )
    return code


def _violation(violation: Any) -> str:
    if isinstance(violation, Mapping):
        return " ".join(
            str(violation[name]) for name in ("rule", "path", "message") if name in violation
        )
    return str(violation)


def _document(path: Path) -> Any:
    try:
        if path.stat().st_size > DOCUMENT_BYTES_MAX:
            raise UsageError(f"{path} is larger than {DOCUMENT_BYTES_MAX:,} bytes; no document is")
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON: {error}") from None


def _accepted(answer: HttpAnswer, *, allowed: tuple[int, ...] = ()) -> dict[str, Any] | None:
    if answer.status == 0:
        raise Unreachable(
            f"wallet_service does not answer: {answer.error}", next_command="rubyops status"
        )
    if answer.status in allowed:
        return None
    if not 200 <= answer.status < 300 or not isinstance(answer.body, dict):  # noqa: PLR2004 - HTTP's success class
        raise RubyopsError(f"wallet_service answered {answer.status}: {answer.body}")
    return answer.body


@click.command("list")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=BETS_MAX,
    show_default=True,
    help="How many at most, oldest first.",
)
@line
def bets_list(*, console: Console, environment: str | None, limit: int) -> int:
    """List accepted bets that are neither settled nor rolled back."""
    toolkit = bootstrap.open_environment(environment)
    bets = toolkit.reader.rows("facts_open_bets", code=None, version=None, limit=limit)
    headers = [
        "authorization_id",
        "bet_id",
        "provider_id",
        "stake",
        "currency",
        "topology_code",
        "topology_version",
        "created_at",
    ]
    console.table([[bet[name] for name in headers] for bet in bets], headers)
    total = bets[0]["total"] if bets else 0
    console.say(f"{total} open bets" + (f", {limit} shown" if total > limit else ""))
    rows = [
        row(
            bet["authorization_id"],
            f"bet {bet['bet_id']}",
            f"stake {bet['stake']} minor units of {bet['currency']}",
            bet,
        )
        for bet in bets
    ]
    console.answer(envelope("rubyops.bets/v1", toolkit.environment.name, rows, total=total))
    return ExitCode.DONE


@click.command("list")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=BETS_MAX,
    show_default=True,
    help="How many at most, oldest first.",
)
@line
def dead_letter_list(*, console: Console, environment: str | None, limit: int) -> int:
    """List events that were set aside: those that failed hold their player up, HELD_UP ones wait `behind` them."""
    toolkit = bootstrap.open_environment(environment)
    letters = toolkit.reader.rows("facts_dead_letters", dead_letter_id=None, limit=limit)
    headers = [
        "dead_letter_id",
        "event_type",
        "reason",
        "tries",
        "player_id",
        "set_aside_at",
        "behind",
        "replay_requested_at",
        "discard_requested_by",
        "error",
    ]
    console.table([[letter[name] for name in headers] for letter in letters], headers)
    total = letters[0]["total"] if letters else 0
    console.say(f"{total} events set aside" + (f", {limit} shown" if total > limit else ""))
    rows = [
        row(str(letter["dead_letter_id"]), f"event {letter['event_id']}", letter["error"], letter)
        for letter in letters
    ]
    console.answer(envelope("rubyops.dead-letters/v1", toolkit.environment.name, rows, total=total))
    return ExitCode.DONE


@click.command("trace")
@click.argument("subject", metavar="BET|PLAYER")
@line
def trace(*, console: Console, environment: str | None, subject: str) -> int:
    """Follow a bet (by authorization or bet id) or a player through accounts, ledger, events and rollings."""
    toolkit = bootstrap.open_environment(environment)
    found = toolkit.reader.rows("ops_trace_subject", id=subject)
    if not found:
        raise UsageError(
            f"no bet and no player has the id {subject!r} in {toolkit.environment.name}",
            next_command="rubyops bets list",
        )
    if len(found) > 1:
        raise UsageError(
            f"{subject!r} names more than one bet; use an authorization id: {', '.join(item['id'] for item in found)}"
        )
    parts = _trace(toolkit, found[0])
    for title, rows in parts.items():
        console.data(f"\n{title}")
        console.table([list(item.values()) for item in rows], list(rows[0]) if rows else ["none"])
    results = [
        row(title, title, f"{len(rows)} rows", {"rows": rows}) for title, rows in parts.items()
    ]
    console.answer(
        envelope("rubyops.trace/v1", toolkit.environment.name, results, subject=found[0])
    )
    return ExitCode.DONE


def _trace(toolkit: EnvironmentServices, subject: Row) -> dict[str, list[Row]]:
    whose = {"brand_id": subject["brand_id"], "player_id": subject["player_id"]}
    is_bet = subject["kind"] == "bet"
    parts = {"bet": toolkit.reader.rows("ops_trace_bet", id=subject["id"])} if is_bet else {}
    return parts | {
        "accounts": toolkit.reader.rows("ops_trace_accounts", **whose),
        "ledger": toolkit.reader.rows(
            "ops_trace_ledger",
            **whose,
            authorization_id=subject["id"] if is_bet else None,
            limit=TRACED_MAX,
        ),
        "wins": toolkit.reader.rows(
            "ops_trace_wins",
            **whose,
            authorization_id=subject["id"] if is_bet else None,
            limit=TRACED_MAX,
        ),
        "rollings": toolkit.reader.rows("ops_trace_rollings", **whose),
        "events": toolkit.reader.rows("ops_trace_events", **whose, limit=TRACED_MAX),
    }


@click.command("show")
@line
def config_show(*, console: Console, environment: str | None) -> int:
    """Show every environment, the file it comes from and the folder of its state; secrets stay hidden."""
    rows = bootstrap.configuration(environment)
    columns = ["name", "kind", "driver", "topology", "copies", "confirm", "home"]
    console.table([[item[column] for column in columns] for item in rows], columns)
    console.say(f"read from {rows[0]['source']}")
    console.answer(
        envelope(
            "rubyops.config/v1",
            environment,
            [row(str(item["name"]), str(item["name"]), str(item["home"]), item) for item in rows],
        )
    )
    return ExitCode.DONE
