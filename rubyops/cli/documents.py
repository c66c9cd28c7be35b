"""Lines on the versions of topology and policy documents: their published structure, their history, and what differs."""

import difflib
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import click

from rubyops import bootstrap, config
from rubyops.cli.console import Console, envelope, row
from rubyops.cli.options import line
from rubyops.errors import RubyopsError, Unreachable, UsageError
from rubyops.model.exit_code import ExitCode
from rubyops.ports import Row
from wallet_runtime.contract import WALLET_SERVICE

SCHEMAS = config.CHECKOUT / "docs" / "schemas"
_MISSING = 404


def schema_command(kind: str) -> click.Command:
    """Make the line that prints the published JSON Schema of `topology` or `policy`."""

    @click.command(
        "schema", help=f"Print the JSON Schema of a {kind} document, for editors and validators."
    )
    @line
    def body(*, console: Console, environment: str | None) -> int:
        path = SCHEMAS / f"{kind}.schema.json"
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"{path} cannot be read: {error.strerror}; the schemas are published with the checkout"
            ) from None
        console.data(text.rstrip("\n"))
        console.answer(
            envelope(
                "rubyops.schema/v1",
                environment,
                [row(kind, f"{kind} schema", str(path), {"schema": json.loads(text)})],
            )
        )
        return ExitCode.DONE

    return body


def history_command(kind: str) -> click.Command:
    """Make the line that lists which versions of `topology` or `policy` were active, from when, and after which."""
    key = "topology_code" if kind == "topology" else "policy_key"

    @click.command(
        "history",
        help=f"List every activation of a {kind}, oldest first: which version, after which, and when.",
    )
    @click.argument("name", required=False)
    @line
    def body(*, console: Console, environment: str | None, name: str | None) -> int:
        toolkit = bootstrap.open_environment(environment)
        found = [
            item
            for item in toolkit.reader.rows("facts_activations")
            if name is None or item[key] == name
        ]
        headers = [
            "activation_no",
            "topology_code",
            "topology_version",
            "policy_key",
            "policy_version",
            "from",
            "by",
            "activated_at",
        ]
        console.table([[_cell(item, header) for header in headers] for item in found], headers)
        console.say(f"{len(found)} activations")
        rows = [
            row(
                str(item["activation_no"]),
                _pair(item),
                f"activated at {item['activated_at']}",
                item,
            )
            for item in found
        ]
        console.answer(envelope("rubyops.history/v1", toolkit.environment.name, rows))
        return ExitCode.DONE

    return body


def diff_command(kind: str) -> click.Command:
    """Make the line that shows what differs between two saved versions of a `topology` or `policy`."""

    @click.command("diff", help=f"Show what differs between two saved versions of a {kind}.")
    @click.argument("name")
    @click.argument("old", type=click.IntRange(1))
    @click.argument("new", type=click.IntRange(1))
    @line
    def body(*, console: Console, environment: str | None, name: str, old: int, new: int) -> int:
        toolkit = bootstrap.open_environment(environment)
        answer = toolkit.reader.get(
            WALLET_SERVICE, f"/internal/wallet/{kind}/{quote(name, safe='')}"
        )
        if answer.status == 0:
            raise Unreachable(
                f"wallet_service does not answer: {answer.error}", next_command="rubyops status"
            )
        if answer.status == _MISSING:
            raise UsageError(
                f"no version of {kind} {name!r} is saved here", next_command=f"rubyops {kind} show"
            )
        if not isinstance(answer.body, dict) or "versions" not in answer.body:
            raise RubyopsError(f"wallet_service answered {answer.status}: {answer.body}")
        saved = {int(item["version"]): item["document"] for item in answer.body["versions"]}
        changes = _diff(
            name, _version(kind, name, saved, old), _version(kind, name, saved, new), old, new
        )
        for text in changes:
            console.data(text)
        summary = (
            f"{sum(text[:1] in '+-' for text in changes[2:])} lines differ"
            if changes
            else "the two versions are equal"
        )
        console.say(summary)
        details = {"diff": changes}
        console.answer(
            envelope(
                "rubyops.diff/v1",
                toolkit.environment.name,
                [row(f"{name}/{old}/{new}", f"{name} v{old} to v{new}", summary, details)],
            )
        )
        return ExitCode.DONE

    return body


def _version(kind: str, name: str, saved: dict[int, Any], version: int) -> Any:
    if version not in saved:
        known = ", ".join(f"v{number}" for number in sorted(saved))
        raise UsageError(
            f"{kind} {name} v{version} is not saved here (saved: {known})",
            next_command=f"rubyops {kind} show",
        )
    return saved[version]


def _diff(name: str, before: Any, after: Any, old: int, new: int) -> Sequence[str]:
    first, second = (
        json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False).splitlines()
        for document in (before, after)
    )
    return list(
        difflib.unified_diff(first, second, f"{name} v{old}", f"{name} v{new}", lineterm="", n=2)
    )


def _pair(item: Row) -> str:
    return f"{item['topology_code']} v{item['topology_version']} with policy {item['policy_key']} v{item['policy_version']}"


def _cell(item: Row, header: str) -> object:
    if header == "from":
        if item["from_topology_code"] is None:
            return None
        return f"{item['from_topology_code']} v{item['from_topology_version']}, policy v{item['from_policy_version']}"
    return item["caller" if header == "by" else header]
