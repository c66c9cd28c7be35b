"""Prometheus metrics of every process; further ones stand in the modules that count them."""

from collections.abc import Sequence

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

from wallet_runtime.contract.variables import BRAND_ENFORCEMENT_VALUES
from wallet_runtime.plumbing.runtime.loop import Loop
from wallet_runtime.plumbing.runtime.settings import Settings

REQUESTS = Counter("http_requests_total", "Requests answered.", ["route", "method", "status"])
REQUEST_SECONDS = Histogram(
    "http_request_duration_seconds",
    "Time from the first byte of a request to its answer.",
    ["route"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)
IDEMPOTENCY_KEYS_MISSING = Counter(
    "idempotency_key_missing_total", "Money requests refused for lack of an idempotency key."
)
ENFORCEMENT_MODE = Gauge(
    "multi_brand_enforcement_mode", "0 off, 1 observe, 2 enforce.", ["service"]
)
LEGACY_TOKEN = Gauge(
    "legacy_token_present", "1 where the shared legacy token is in the environment.", ["service"]
)
FREEZE_LEVEL = Gauge(
    "rubyops_freeze_level",
    "1 for the freeze level in force, or for freezing, thawing or unknown; 0 for the others.",
    ["level"],
)
LOOP_AGE = Gauge("loop_age_seconds", "Time since a loop's last turn that ended well.", ["loop"])
LOOP_FAILURES = Gauge("loop_failures", "Turns of a loop that failed in a row.", ["loop"])
CONTENT_TYPE = CONTENT_TYPE_LATEST


def describe_process(settings: Settings, loops: Sequence[Loop]) -> None:
    """Set the metrics that never change, and register the loops' metrics for each scrape."""
    ENFORCEMENT_MODE.labels(settings.process).set(
        BRAND_ENFORCEMENT_VALUES.index(settings.brand_enforcement)
    )
    LEGACY_TOKEN.labels(settings.process).set(settings.legacy_token_present)
    for loop in loops:
        LOOP_AGE.labels(loop.name).set_function(loop.age_seconds)
        LOOP_FAILURES.labels(loop.name).set_function(loop.failures)


def scrape() -> bytes:
    """Return all metrics in Prometheus's text format."""
    return generate_latest(REGISTRY)
