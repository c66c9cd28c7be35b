"""The root of the command line: the table of commands, and the exit code for every error."""

import sys
import traceback

import click

from rubyops.cli import channel
from rubyops.cli.lazy import Lazy, LazyGroup
from rubyops.model.exit_code import ExitCode
from rubyops.registry import COMMANDS, Entry
from wallet_runtime.contract.secrets import masked


def _step(name: str) -> Lazy:
    return Lazy("rubyops.cli.steps", "step_command", _short(COMMANDS[name]), (name,))


def _short(entry: Entry) -> str:
    return entry.summary.rstrip(".")


def _group(name: str, table: dict[str, Lazy], help_text: str) -> Lazy:
    _GROUPS[name] = LazyGroup(table, name=name, help=help_text)
    return Lazy(__name__, "group", help_text, (name,))


def group(name: str) -> click.Group:
    """Return a group of commands by name."""
    return _GROUPS[name]


_GROUPS: dict[str, click.Group] = {}
_PLATFORM, _SHOW, _RUNS = "rubyops.cli.platform", "rubyops.cli.show", "rubyops.cli.runs"
_DOCUMENTS = "rubyops.cli.documents"
TABLE: dict[str, Lazy] = {
    "rollout": _group(
        "rollout",
        {
            "local": Lazy(
                "rubyops.cli.playbooks",
                "rollout_local",
                "Roll out on this machine, run suites and flows, and stop again unless --keep-up",
            ),
            "staging": Lazy(
                "rubyops.cli.playbooks",
                "rollout_staging",
                "Roll out to staging: its own data and ports, two copies of each process",
            ),
        },
        "Roll the platform out and prove that it works",
    ),
    "rollback": Lazy(
        "rubyops.cli.playbooks",
        "rollback",
        "Take the platform back: freeze and drain (tier 0), "
        "or re-activate the previous pair (tier 2)",
    ),
    "backfill": _step("backfill"),
    "gate": Lazy(
        "rubyops.cli.playbooks",
        "named_playbook",
        "Probe the release gates; exit 5 unless every one of them holds",
        ("gate",),
    ),
    "up": _step("up"),
    "down": Lazy(
        _PLATFORM, "down", "Stop every process and the servers that are its own; data stays"
    ),
    "status": Lazy(_PLATFORM, "status", "Show versions, progress, outbox, freeze level and lock"),
    "doctor": Lazy(
        _PLATFORM,
        "doctor",
        "Look for what would stop rubyops from working, with the command that mends it",
    ),
    "migrate": _step("migrate"),
    "freeze": _step("freeze"),
    "thaw": _step("thaw"),
    "sessions": _group(
        "sessions", {"end": _step("sessions-end")}, "End a database session that holds a freeze up"
    ),
    "drain-outbox": _step("drain-outbox"),
    "stop-consumers": _step("stop-consumers"),
    "start-consumers": _step("start-consumers"),
    "topology": _group(
        "topology",
        {
            "show": Lazy(
                _DOCUMENTS, "topology_show", "Show the active topology and the saved versions"
            ),
            "validate": Lazy(
                _DOCUMENTS,
                "topology_validate",
                "Try a topology document against every rule; saves nothing",
            ),
            "schema": Lazy(
                _DOCUMENTS,
                "schema_command",
                "Print the JSON Schema of a topology document",
                ("topology",),
            ),
            "seed": _step("topology-seed"),
            "save": _step("topology-save"),
            "activate": _step("topology-activate"),
            "move": _step("topology-move"),
            "history": Lazy(
                _DOCUMENTS,
                "history_command",
                "List the activations of topologies, oldest first",
                ("topology",),
            ),
            "diff": Lazy(
                _DOCUMENTS,
                "diff_command",
                "Show what differs between two saved versions of a topology",
                ("topology",),
            ),
        },
        "Show, validate and activate topologies, and move money from one to another",
    ),
    "policy": _group(
        "policy",
        {
            "show": Lazy(
                _DOCUMENTS, "policy_show", "Show the active policies and the saved versions"
            ),
            "validate": Lazy(
                _DOCUMENTS,
                "policy_validate",
                "Try a policy document with the topology it names; saves nothing",
            ),
            "schema": Lazy(
                _DOCUMENTS,
                "schema_command",
                "Print the JSON Schema of a policy document",
                ("policy",),
            ),
            "save": _step("policy-save"),
            "activate": _step("policy-activate"),
            "history": Lazy(
                _DOCUMENTS,
                "history_command",
                "List the activations of policies, oldest first",
                ("policy",),
            ),
            "diff": Lazy(
                _DOCUMENTS,
                "diff_command",
                "Show what differs between two saved versions of a policy",
                ("policy",),
            ),
        },
        "Show, validate and activate policies",
    ),
    "bets": _group(
        "bets",
        {
            "list": Lazy(
                _SHOW, "bets_list", "List accepted bets that are neither settled nor rolled back"
            ),
            "settle": _step("bets-settle"),
            "rollback": _step("bets-rollback"),
        },
        "List open bets, settle or roll back one",
    ),
    "events": _group(
        "events",
        {
            "dead-letter": _group(
                "dead-letter",
                {
                    "list": Lazy(
                        _SHOW, "dead_letter_list", "List events that were set aside, oldest first"
                    ),
                    "replay": _step("dead-letter-replay"),
                    "discard": _step("dead-letter-discard"),
                },
                "List events that were set aside, have one tried again",
            )
        },
        "List events that were set aside, have one tried again",
    ),
    "trace": Lazy(_SHOW, "trace", "Follow one bet or player through ledger, events and rollings"),
    "export": _step("export"),
    "seed-players": _step("seed-players"),
    "reconcile": _group(
        "reconcile", {"ledger": _step("reconcile-ledger")}, "Force a reconciliation"
    ),
    "suites": _step("suites"),
    "smoke": _step("smoke"),
    "canary": _step("canary"),
    "flow": _step("flow"),
    "verify": Lazy(
        "rubyops.cli.playbooks",
        "named_playbook",
        "Run the verification that a thaw asks for",
        ("verify",),
    ),
    "plan": Lazy("rubyops.cli.playbooks", "plan", "Show what a playbook would do today"),
    "run": Lazy("rubyops.cli.playbooks", "run", "Carry a playbook out, by name or file"),
    "playbook": _group(
        "playbook",
        {
            "list": Lazy(_RUNS, "playbook_list", "List the playbooks that come with rubyops"),
            "validate": Lazy(
                _RUNS,
                "playbook_validate",
                "Type a playbook file and list every fault with its line",
            ),
            "show": Lazy(_RUNS, "playbook_show", "Show the steps of a playbook"),
        },
        "List, validate and show playbooks",
    ),
    "runs": _group(
        "runs",
        {
            "list": Lazy(_RUNS, "runs_list", "List runs, newest first"),
            "show": Lazy(_RUNS, "runs_show", "Show the steps and effects of a run"),
            "resume": Lazy(
                "rubyops.cli.playbooks",
                "resume",
                "Go on with a run that was killed, stopped or failed",
            ),
            "verify": Lazy(
                _RUNS,
                "runs_verify",
                "Look for changed, missing, reordered or cut-off journal lines",
            ),
        },
        "List, show, resume and verify runs",
    ),
    "lock": _group(
        "lock",
        {"show": Lazy(_RUNS, "lock_show", "Show who holds the environment's lock")},
        "Show the lock",
    ),
    "config": _group(
        "config",
        {"show": Lazy(_SHOW, "config_show", "Show the environments, their file and their folders")},
        "Show the configuration",
    ),
    "completion": Lazy(
        "rubyops.cli.meta", "completion", "Print the script that completes rubyops in your shell"
    ),
    "help": Lazy("rubyops.cli.meta", "help_topic", "Explain a topic, such as exit-codes"),
}


cli = LazyGroup(
    TABLE,
    name="rubyops",
    help="Roll out, check, freeze and take back a wallet platform, which is in the box.",
    epilog="Exit codes: rubyops help exit-codes. "
    "An environment other than local is always named: -e NAME.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)


def run(arguments: list[str] | None = None) -> int:
    """Run one command line and return its exit code, also after errors of click or of a stream."""
    channel.prepare()
    try:
        return _run(arguments)
    except OSError as error:
        if _is_of_stdout(error):
            return _unwritable(error)
        if error.errno not in channel.DISK_FULL:
            raise
        do = "Make room, see `rubyops doctor`, then repeat."
        _tell(f"a file cannot be written ({error.strerror}). {do}")
        return int(ExitCode.FAILED)


def _run(arguments: list[str] | None) -> int:
    try:
        code = cli.main(arguments, prog_name="rubyops", standalone_mode=False)
    except click.exceptions.Abort:
        _tell("interrupted")
        return int(ExitCode.INTERRUPTED)
    except click.ClickException as error:
        _show(error)
        return int(ExitCode.USAGE)
    return int(code) if isinstance(code, int) else int(ExitCode.DONE)


def _show(error: click.ClickException) -> None:
    try:
        error.show()
    except OSError:
        # Python exits with 120 when it cannot flush the rest of the message at the end.
        channel.discard(sys.stderr)


def _is_of_stdout(error: OSError) -> bool:
    """Whether `click.echo` failed, which prints help and completion scripts to stdout.

    The error itself does not tell: a failed write names no file, so it could be of a state file.
    All other output goes through a `Channel`, which handles errors itself.
    """
    frames = traceback.walk_tb(error.__traceback__)
    return any(frame.f_code is click.echo.__code__ for frame, _ in frames)


def _unwritable(error: OSError) -> int:
    """Return the exit code for an unwritable stdout; print no error if the reader has left."""
    channel.discard(sys.stdout)
    if not isinstance(error, BrokenPipeError):
        _tell(f"stdout cannot be written ({error.strerror}); what was printed there is lost")
    return int(ExitCode.FAILED)


def _tell(text: str) -> None:
    try:
        click.echo(masked(text), err=True)
    except OSError:
        channel.discard(sys.stderr)
