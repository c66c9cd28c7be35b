"""The commands about topology and policy documents: show, validate, schema, history and diff."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rubyops import bootstrap, config
from rubyops.cli import render
from rubyops.cli.console import Console
from rubyops.cli.options import line
from rubyops.errors import UsageError
from rubyops.views.activations import read_activations
from rubyops.views.diff import read_diff
from rubyops.views.documents import Kind, read_documents, validate
from rubyops.views.view import Item, Rows
from rubyops.views.wallet import saved_documents

if TYPE_CHECKING:
    from rubyops.wiring import EnvironmentServices

SCHEMAS = config.CHECKOUT / "docs" / "schemas"
DOCUMENT_BYTES_MAX = 1_000_000
_IDENTITY: dict[Kind, str] = {"topology": "code", "policy": "policy_key"}
# {header of a column: field of `Activation` in that column}
_ACTIVATION_COLUMNS = {
    "activation_no": "activation_no",
    "topology_code": "topology_code",
    "topology_version": "topology_version",
    "policy_key": "policy_key",
    "policy_version": "policy_version",
    "from": "before",
    "by": "caller",
    "activated_at": "activated_at",
}


@click.command("show")
@line
def topology_show(*, console: Console, environment: str | None) -> int:
    """Show the active topology's document and every saved version."""
    return _show(console, environment, "topology")


@click.command("show")
@line
def policy_show(*, console: Console, environment: str | None) -> int:
    """Show the active policies' documents and every saved version."""
    return _show(console, environment, "policy")


def _show(console: Console, environment: str | None, kind: Kind) -> int:
    toolkit = bootstrap.open_environment(environment)
    view = read_documents(toolkit.reader, kind)
    render.table(console, (_IDENTITY[kind], "version", "state"), view.saved)
    if view.active:
        console.data(json.dumps(view.active, indent=2, ensure_ascii=False))
    return render.answer(console, toolkit.environment.name, view)


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
    topology = _document(file)
    accompanying = _document(policy) if policy else None
    toolkit = bootstrap.open_environment(environment)
    return _validate(console, toolkit, file, topology, accompanying)


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
    given = None if topology is None else _document(topology)
    toolkit = bootstrap.open_environment(environment)
    document = _named_topology(toolkit, file, policy) if topology is None else given
    return _validate(console, toolkit, file, document, policy)


def _named_topology(toolkit: "EnvironmentServices", file: Path, policy: Any) -> Any:
    """Return the saved topology that a policy names, because rules judge both together.

    Raises `UsageError` when the policy names no topology, or one that is not saved.
    """
    code, version = _named_version(file, policy)
    saved = saved_documents(toolkit.reader, "topology", code) or {}
    for number, document in saved.items():
        if number == version:
            return document
    known = ", ".join(f"v{number}" for number in saved) or "none"
    raise UsageError(
        f"topology {code} v{version}, which {file} is for, is not saved "
        f"(saved: {known}): name its file by --topology",
        next_command="rubyops topology show",
    )


def _named_version(file: Path, policy: Any) -> tuple[str, Any]:
    """Return the (code, version) of the topology that a policy names."""
    named = policy.get("topology") if isinstance(policy, dict) else None
    identity = named if isinstance(named, dict) else {}
    code = identity.get("code")
    if not isinstance(code, str) or not code:
        raise UsageError(
            f"{file} does not name the topology that it is for "
            "(topology.code, topology.version): name a file by --topology"
        )
    return code, identity.get("version")


def _validate(
    console: Console, toolkit: "EnvironmentServices", file: Path, topology: Any, policy: Any
) -> int:
    view = validate(toolkit.ask, topology, policy)
    for item in view.results:
        console.data(f"{console.mark(item.status)} {item.summary}")
    console.data(f"{file}: {view.sentence}")
    return render.answer(console, toolkit.environment.name, view)


def _document(path: Path) -> Any:
    try:
        if path.stat().st_size > DOCUMENT_BYTES_MAX:
            raise UsageError(f"{path} is larger than {DOCUMENT_BYTES_MAX:,} bytes; no document is")
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON: {error}") from None


def schema_command(kind: Kind) -> click.Command:
    """Make the command that prints the published JSON Schema of `topology` or `policy`."""

    @click.command(
        "schema", help=f"Print the JSON Schema of a {kind} document, for editors and validators."
    )
    @line
    def body(*, console: Console, environment: str | None) -> int:
        path = SCHEMAS / f"{kind}.schema.json"
        text = _published(path)
        console.data(text.rstrip("\n"))
        return render.answer(console, environment, _schema_view(kind, path, text))

    return body


def _schema_view(kind: Kind, path: Path, text: str) -> Rows:
    details = {"schema": json.loads(text)}
    item = Item(kind, f"{kind} schema", "ok", str(path), details)
    return Rows("rubyops.schema/v1", (item,))


def _published(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}; the schemas are published with the checkout"
        ) from None


def history_command(kind: Kind) -> click.Command:
    """Make the command that lists all activations of a topology or policy."""

    @click.command(
        "history",
        help=f"List every activation of a {kind}, oldest first: "
        "which version, after which, and when.",
    )
    @click.argument("name", required=False)
    @line
    def body(*, console: Console, environment: str | None, name: str | None) -> int:
        toolkit = bootstrap.open_environment(environment)
        view = read_activations(toolkit.reader, kind, name)
        render.table(console, _ACTIVATION_COLUMNS, view.activations)
        console.say(f"{len(view.activations)} activations")
        return render.answer(console, toolkit.environment.name, view)

    return body


def diff_command(kind: Kind) -> click.Command:
    """Make the command that compares two saved versions of a topology or policy."""

    @click.command("diff", help=f"Show what differs between two saved versions of a {kind}.")
    @click.argument("name")
    @click.argument("old", type=click.IntRange(1))
    @click.argument("new", type=click.IntRange(1))
    @line
    def body(*, console: Console, environment: str | None, name: str, old: int, new: int) -> int:
        toolkit = bootstrap.open_environment(environment)
        view = read_diff(toolkit.reader, kind, name, old, new)
        for text in view.lines:
            console.data(text)
        console.say(view.summary)
        return render.answer(console, toolkit.environment.name, view)

    return body
