"""Compares the code that the running copies have loaded, by digest."""

from rubyops.ports import Read
from wallet_runtime.contract.processes import PROCESSES

REMEDY = "rubyops up"
_SHOWN = 12


def code_told(read: Read, process: str, number: int) -> str | None:
    """Return the code digest of a copy; empty if it reports none, None if it does not answer."""
    answer = read.get(process, "/health", copy=number)
    if not isinstance(answer.body, dict) or "process" not in answer.body:
        return None
    found = answer.body.get("code")
    return found if isinstance(found, str) else ""


def one_code(read: Read) -> tuple[str, str]:
    """Return the digest that all copies report, or an empty text and the reason without one."""
    # Copies that the driver calls stopped are asked, too, because a process started by hand may
    # answer at such an address.
    kept = [(copy.process, copy.number) for copy in read.copies()]
    told = {f"{process} {number}": code_told(read, process, number) for process, number in kept}
    wanted = _wanted(read.environment.copies)
    silent = [name for name in dict.fromkeys([*wanted, *told]) if not told.get(name)]
    if silent:
        return "", _name_silent(silent)
    by_code = {code: name for name, code in told.items() if code}
    return ("", _name_different(by_code)) if len(by_code) > 1 else (next(iter(by_code)), "")


def _wanted(copies: int) -> list[str]:
    return [f"{name} {number}" for name in PROCESSES for number in range(1, copies + 1)]


def _name_silent(silent: list[str]) -> str:
    verb = "do" if len(silent) > 1 else "does"
    return f"{', '.join(silent[:3])} {verb} not tell which code it runs"


def _name_different(by_code: dict[str, str]) -> str:
    named = (f"{name} {short_code(code)}" for code, name in by_code.items())
    return "copies run different code: " + ", ".join(named)


def short_code(digest: str) -> str:
    """Shorten a digest for display."""
    return digest[:_SHOWN] or "code that tells no digest"
