"""Makes the command line of a step from its Params: each field is an option or an argument."""

import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import click

from rubyops import bootstrap
from rubyops.cli.console import Console
from rubyops.cli.options import RunOptions, line, run_options
from rubyops.cli.session import carry_out
from rubyops.engine.playbook.params import type_params
from rubyops.errors import UsageError
from rubyops.registry import COMMANDS

# {command: the fields that are positional arguments, in this order}. Other fields are options.
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "topology-activate": ("code", "version"),
    "policy-activate": ("version",),
    "topology-save": ("file",),
    "topology-move": ("file",),
    "policy-save": ("file",),
    "bets-settle": ("authorization",),
    "bets-rollback": ("authorization",),
    "dead-letter-discard": ("number",),
    "dead-letter-replay": ("number",),
    "sessions-end": ("pid",),
    "flow": ("name",),
    "gate-probe": ("gate",),
}
# A field with this name gets the value of the option --dry-run, which every command has.
DRY_RUN_FIELD = "dry_run"


def step_command(name: str) -> click.Command:
    """Make the click command of a registered command of rubyops."""
    params = bootstrap.find_command(name).params

    @line
    def body(
        *,
        console: Console,
        environment: str | None,
        options: RunOptions,
        **values: Any,
    ) -> int:
        playbook = bootstrap.single_step(name, _typed(params, values, options))
        toolkit = bootstrap.open_environment(environment)
        return carry_out(console, toolkit, playbook, options)

    command = click.command(name=name, help=_help(name))(run_options(body))
    command.params[:0] = _parameters(name, params)
    return command


def _typed(params: type[Any], values: Mapping[str, Any], options: RunOptions) -> Any:
    given = {key: value for key, value in values.items() if value is not None}
    if any(field.name == DRY_RUN_FIELD for field in fields(params)):
        given[DRY_RUN_FIELD] = options.dry_run
    typed, wrong = type_params(params, given)
    if wrong:
        raise UsageError("; ".join(message for _, message in wrong))
    return params(**typed)


def _parameters(name: str, params: type[Any]) -> list[click.Parameter]:
    hints = get_type_hints(params)
    shown = [field for field in fields(params) if field.name != DRY_RUN_FIELD]
    return [_parameter(name, field, hints[field.name]) for field in _ordered(name, shown)]


def _help(name: str) -> str:
    module = __import__(COMMANDS[name].place, fromlist=["__doc__"])
    return "\n\n".join(
        part.replace("\n", " ") for part in str(module.__doc__).strip().split("\n\n")
    )


def _ordered(name: str, shown: list[Field[Any]]) -> list[Field[Any]]:
    first = ARGUMENTS.get(name, ())
    return sorted(
        shown, key=lambda field: first.index(field.name) if field.name in first else len(first)
    )


def _parameter(name: str, field: Field[Any], hint: Any) -> click.Parameter:
    kind, flag = _click_type(hint)
    if field.name in ARGUMENTS.get(name, ()):
        required = _is_required(field)
        return click.Argument([field.name], required=required, type=kind, default=None)
    return _flag(field) if flag else _option(field, kind)


def _flag(field: Field[Any]) -> click.Option:
    return click.Option(_names(field), is_flag=True, default=None, help=_text(field) or None)


def _option(field: Field[Any], kind: click.ParamType[Any] | type) -> click.Option:
    required = _is_required(field)
    default = None if required or field.default in ("", None) else field.default
    help_text = _with_default(_text(field), default)
    return click.Option(_names(field), required=required, type=kind, default=None, help=help_text)


def _names(field: Field[Any]) -> list[str]:
    return ["--" + field.name.replace("_", "-"), field.name]


def _text(field: Field[Any]) -> str:
    return str(field.metadata.get("help", ""))


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _with_default(text: str, default: object) -> str | None:
    told = f"[default: {default}]" if default not in (None, MISSING) else ""
    return " ".join(part for part in (text, told) if part) or None


def _without_none(hint: Any) -> Any:
    """Return T for the type hint `T | None`, and any other hint unchanged."""
    if get_origin(hint) in (Union, types.UnionType):
        return next(part for part in get_args(hint) if part is not type(None))
    return hint


def _click_type(hint: Any) -> tuple[click.ParamType[Any] | type, bool]:
    hint = _without_none(hint)
    if get_origin(hint) is Literal:
        return click.Choice([value for value in get_args(hint) if value]), False
    if hint is bool:
        return bool, True
    return (hint if hint in (int, float, str) else str), False
