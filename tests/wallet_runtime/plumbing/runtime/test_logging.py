"""Logs are JSON lines without secrets, also in fields and in the variables of a traceback."""

import json
import subprocess
import sys
from typing import Any

START = """
import logging, structlog
from wallet_runtime.plumbing.runtime.logging import configure
configure('gateway', 2)
"""


def line_of(program: str) -> dict[str, Any]:
    """Run a program in a new process; return the one line that it logs, decoded."""
    output = subprocess.run(
        [sys.executable, "-c", START + program], capture_output=True, text=True, check=True
    ).stdout
    line: dict[str, Any] = json.loads(output)
    return line


def test_a_line_names_its_process_and_masks_secrets() -> None:
    fields = "own_token='plain', Authorization='plain', policy_key='p', request_body={'a': 'plain'}"
    line = line_of(f"structlog.get_logger().info('asked', {fields})")
    assert (line["process"], line["copy"], line["event"], line["policy_key"]) == (
        "gateway",
        2,
        "asked",
        "p",
    )
    assert "plain" not in str(line)


def test_a_traceback_shows_no_local_variables() -> None:
    program = """
def breaks():
    hidden = "-".join(("local", "secret"))
    raise RuntimeError(f"broken with {len(hidden)}")
try:
    breaks()
except RuntimeError:
    structlog.get_logger().exception("failed")
"""
    line = line_of(program)
    assert "RuntimeError: broken with 12" in line["exception"]
    assert "local-secret" not in str(line)


def test_libraries_log_in_the_same_shape() -> None:
    line = line_of("logging.getLogger('psycopg.pool').warning('error connecting in %r', 'pool-1')")
    assert (line["level"], line["logger"], line["event"]) == (
        "warning",
        "psycopg.pool",
        "error connecting in 'pool-1'",
    )
