"""supervisord's configuration for the programs of an environment."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from rubyops.adapters.local.layout import Program, log_file

STOP_SECONDS = 10  # for each program
FENCED = "rubyops.adapters.local.fenced_rpc:make_interface"


def render(programs: Sequence[Program], home: Path, directory: Path, socket: Path) -> str:
    """Return the text of supervisord's configuration file for `programs`, run in `directory`."""
    sections = [
        *_own_sections(home, socket),
        *(_program_section(program, home, directory) for program in programs),
        *_group_sections(programs),
    ]
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _own_sections(home: Path, socket: Path) -> list[list[str]]:
    user = ["user=root"] if os.geteuid() == 0 else []
    folder = home / "supervisor"
    supervisord = [
        "[supervisord]",
        f"logfile={_literal(log_file(home, 'supervisord'))}",
        "logfile_maxbytes=5MB",
        "logfile_backups=1",
        f"pidfile={_literal(folder / 'supervisord.pid')}",
        f"childlogdir={_literal(home / 'logs')}",
        *user,
    ]
    server = ["[unix_http_server]", f"file={_literal(socket)}", "chmod=0700"]
    interface = [
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
    ]
    fenced = [
        "[rpcinterface:rubyops]",
        f"supervisor.rpcinterface_factory = {FENCED}",
        f"fence_folder = {_literal(folder)}",
    ]
    return [supervisord, server, interface, fenced]


def _program_section(program: Program, home: Path, directory: Path) -> list[str]:
    variables = ",".join(
        f'{name}="{_literal(value)}"' for name, value in program.environment.items()
    )
    return [
        f"[program:{program.name}]",
        f"command={_literal(shlex.join(program.command))}",
        f"directory={_literal(directory)}",
        *([f"environment={variables}"] if variables else []),
        *([f"user={program.user}"] if program.user else []),
        "autostart=false",
        "autorestart=true",
        "startsecs=1",
        "startretries=10",
        f"stopsignal={program.stop_signal}",
        f"stopwaitsecs={STOP_SECONDS}",
        "redirect_stderr=true",
        f"stdout_logfile={_literal(log_file(home, program.name))}",
        "stdout_logfile_maxbytes=20MB",
        "stdout_logfile_backups=2",
    ]


def _group_sections(programs: Sequence[Program]) -> list[list[str]]:
    groups: dict[str, list[Program]] = {}
    for program in programs:
        groups.setdefault(program.group, []).append(program)
    return [
        [
            f"[group:{group}]",
            f"programs={','.join(program.name for program in members)}",
            f"priority={members[0].priority}",
        ]
        for group, members in groups.items()
    ]


def _literal(value: object) -> str:
    return str(value).replace("%", "%%")
