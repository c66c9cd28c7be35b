"""Every copy of every process runs and has loaded the code of this checkout.

When it fails, a process runs other code than this checkout's, or does not report its code.
"""

from checks._answer import all_true
from checks._code import codes_told
from rubyops.model.finding import Finding, inconclusive
from rubyops.model.step import Check
from rubyops.ports import Read
from rubyops.readings.liveness import liveness, not_running
from rubyops.running_code import short_code
from wallet_runtime.contract.processes import PROCESSES


def run(read: Read) -> Finding:
    """Ask each running copy for its code, and look for copies that do not run."""
    life = liveness(read)
    if not life.driver_answers:
        return inconclusive(f"which code runs cannot be told: {life.troubles[0]}")
    codes = codes_told(read, life)
    faults = [fault for code in codes if (fault := code.other or code.unknown)]
    faults += not_running(life, PROCESSES, read.environment.copies)
    wanted = short_code(read.environment.code)
    return all_true(
        faults,
        holds=f"{len(codes)} copies run this checkout's code {wanted}",
        broken="not every copy is known to run this checkout's code",
    )


CHECK = Check("code-current", "Every copy runs this checkout's code", (), run)
