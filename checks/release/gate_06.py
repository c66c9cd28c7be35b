"""GATE-6: coupon grants stay rows of their own and are never collapsed into one coupon balance.

When it fails, a coupon's scope and rolling are lost, and its money can be bet at any game.
"""

from rubyops.model.finding import Finding, inconclusive
from rubyops.model.step import Check
from rubyops.ports import Read


def run(read: Read) -> Finding:
    """Return inconclusive, because the probe for this gate is not built yet."""
    del read
    return inconclusive("not built yet: no probe shows that grants stay apart")


CHECK = Check("gate-06", "Coupon grants are kept apart", ("GATE-6",), run)
