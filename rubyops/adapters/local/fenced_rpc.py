"""An XML-RPC interface of supervisord, on which every order carries a fencing token.

supervisord loads this module. It handles one call at a time, so no call can raise the fence between
the check of a token and the order. The driver reads states by supervisord's own interface, and
gives orders only by this one.
"""

from pathlib import Path
from typing import Any

from supervisor.rpcinterface import SupervisorNamespaceRPCInterface
from supervisor.xmlrpc import RPCError

from rubyops.adapters.local import fence_file
from rubyops.adapters.local.fence_file import OVERTAKEN, REFUSED
from rubyops.errors import LockLost, RubyopsError


class FencedInterface:
    """Orders with a fencing token. A token is text, because XML-RPC has no 64-bit integers."""

    def __init__(self, supervisord: Any, folder: Path) -> None:
        """Give orders to this supervisord. `folder` has the file with the highest token."""
        self._orders = SupervisorNamespaceRPCInterface(supervisord)
        self._folder = folder

    def advance(self, token: str) -> bool:
        """Raise the fence to this token; orders with a lower token are refused from then on."""
        with_faults(fence_file.advance, self._folder, token)
        return True

    def startProcess(self, token: str, name: str) -> bool:
        """Start a program, and return before the program runs."""
        with_faults(fence_file.confirm, self._folder, token)
        return bool(self._orders.startProcess(name, False))

    def stopProcess(self, token: str, name: str) -> bool:
        """Send the stop signal to a program, and return before the program has ended."""
        with_faults(fence_file.confirm, self._folder, token)
        self._orders.stopProcess(name, False)
        return True

    def shutdown(self, token: str) -> bool:
        """Stop every program and then supervisord."""
        with_faults(fence_file.confirm, self._folder, token)
        return bool(self._orders.shutdown())


def with_faults(act: Any, folder: Path, token: str) -> None:
    """Check or raise the fence; turn a refusal into an XML-RPC fault."""
    try:
        act(folder, int(token))
    except LockLost as lost:
        raise _fault(OVERTAKEN, lost.message) from lost
    except (RubyopsError, OSError, ValueError) as error:
        raise _fault(REFUSED, str(error)) from error


def _fault(code: int, text: str) -> Any:
    fault = RPCError(code)
    fault.text = text
    return fault


def make_interface(supervisord: Any, fence_folder: str) -> FencedInterface:
    """Build the interface for the section `[rpcinterface:rubyops]` of supervisord's settings."""
    return FencedInterface(supervisord, Path(fence_folder))
