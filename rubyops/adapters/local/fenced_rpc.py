"""supervisord's own fence: an interface that it loads, whose orders carry a fencing token.

supervisord answers one call at a time, so nothing comes between the look at the token and the act.
The driver reads states by supervisord's own interface, and gives no order by it.
"""

from pathlib import Path
from typing import Any

from supervisor.rpcinterface import SupervisorNamespaceRPCInterface
from supervisor.xmlrpc import RPCError

from rubyops.adapters.local import fence_file
from rubyops.adapters.local.fence_file import OVERTAKEN, REFUSED
from rubyops.errors import LockLost, RubyopsError


class FencedInterface:
    """Orders under a token, which is sent as text: XML-RPC has no whole number of 64 bits."""

    def __init__(self, supervisord: Any, folder: Path) -> None:
        """Give orders to this supervisord; the highest token is kept in `folder`."""
        self._orders = SupervisorNamespaceRPCInterface(supervisord)
        self._folder = folder

    def advance(self, token: str) -> bool:
        """Raise the token; every lower one is refused from then on."""
        with_faults(fence_file.advance, self._folder, token)
        return True

    def startProcess(self, token: str, name: str) -> bool:
        """Start a program."""
        with_faults(fence_file.confirm, self._folder, token)
        return bool(self._orders.startProcess(name, False))

    def stopProcess(self, token: str, name: str) -> bool:
        """Stop a program, without waiting for its end."""
        with_faults(fence_file.confirm, self._folder, token)
        self._orders.stopProcess(name, False)
        return True

    def shutdown(self, token: str) -> bool:
        """Stop every program, then supervisord."""
        with_faults(fence_file.confirm, self._folder, token)
        return bool(self._orders.shutdown())


def with_faults(act: Any, folder: Path, token: str) -> None:
    """Ask the fence, and turn its refusal into a fault that XML-RPC carries."""
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
    """Make the interface of `[rpcinterface:rubyops]`."""
    return FencedInterface(supervisord, Path(fence_folder))
