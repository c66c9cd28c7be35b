"""The context of a process on the test's servers, without a start of the process."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.cluster import TestDatabase
from tests.wallet_runtime.serving import environment_for
from wallet_runtime.plumbing.runtime.context import Context, open_context
from wallet_runtime.plumbing.runtime.settings import read_settings


@contextmanager
def open_process(
    process: str, platform_db: TestDatabase, redis_url: str, **environ: str
) -> Iterator[Context]:
    """Open the context of `process`.

    The URLs of other processes lead to closed ports, unless `environ` gives real ones.
    """
    settings = read_settings(
        process,
        environment_for(process, 1024, platform_db.dsn(process), REDIS_URL=redis_url, **environ),
    )
    context = open_context(settings)
    try:
        yield context
    finally:
        context.close()
