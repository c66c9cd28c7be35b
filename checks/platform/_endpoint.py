"""Calls one route on every copy of wallet_service, because the copies may differ."""

from rubyops.model.finding import Finding, failed, inconclusive
from rubyops.ports import HttpAnswer, Read
from rubyops.readings.liveness import liveness
from wallet_runtime.contract.processes import WALLET_SERVICE


def ask_every_copy(read: Read, path: str) -> Finding | dict[int, HttpAnswer]:
    """Return the answers by copy number, or a finding if a copy cannot be called."""
    life = liveness(read)
    if not life.driver_answers:
        return inconclusive(f"which copies answer cannot be told: {life.troubles[0]}")
    copies = life.of(WALLET_SERVICE)
    if not copies:
        return inconclusive(f"no copy of {WALLET_SERVICE} is kept, so none can be asked")
    unasked = [copy.out_of_reach for copy in copies if copy.out_of_reach]
    if unasked:
        return failed(unasked[0], faults=unasked)
    return {copy.number: read.get(WALLET_SERVICE, path, copy=copy.number) for copy in copies}
