"""Decoders are built before threads start.

msgspec can crash when several threads build the same decoder at once.
"""

import pkgutil
import subprocess
import sys
from importlib import import_module

import wallet_runtime
from wallet_runtime.plumbing.runtime.decoders import warm_decoders

# Eight threads decode new nested structs at the same moment. The interpreter switches threads after
# almost every step.
CROWD = """
import sys, threading, types
import msgspec
from wallet_runtime.plumbing.runtime.decoders import warm_decoders
sys.setswitchinterval(1e-6)
RAW = b'{"c": [{"d": {"e": {"k": {"c": [{"a": 1}]}}}}], "d": {"d": {"a": 2}}}'
FIELDS = (
    "  a: int = 0\\n  c: 'tuple[C{1}, ...]' = ()\\n  d: 'C{1} | None' = None\\n"
    "  e: 'dict[str, C{1}]' = {{}}\\n"
)
STRUCT = "class C{0}(msgspec.Struct):\\n" + FIELDS
for number in range(60):
    module = types.ModuleType(f"made_{number}")
    sys.modules[module.__name__] = module
    module.msgspec = msgspec
    exec(
        "".join(STRUCT.format(i, i + 1) for i in range(6)) + "class C6(msgspec.Struct): pass",
        vars(module),
    )
    warm_decoders()
    start = threading.Barrier(8)
    def decode():
        start.wait()
        assert msgspec.json.decode(RAW, type=module.C0).d.d.a == 2
    threads = [threading.Thread(target=decode) for _ in range(8)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
print("done")
"""


def test_threads_that_decode_a_struct_for_the_first_time_together_get_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CROWD], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


def test_every_struct_of_the_platform_can_be_made_ready() -> None:
    for module in pkgutil.walk_packages(wallet_runtime.__path__, "wallet_runtime."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    warm_decoders()
