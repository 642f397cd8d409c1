"""Numbers for Prometheus: what a node serves and does. Labels are templates and kinds, never ids."""

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

REGISTRY = CollectorRegistry()

requests = Counter(
    "everpost_requests", "Requests answered, by door and status.", ["method", "door", "status"], registry=REGISTRY
)
request_seconds = Histogram(
    "everpost_request_seconds",
    "Time from the request's arrival to its answer.",
    ["door"],
    registry=REGISTRY,
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
jobs = Counter("everpost_jobs", "Jobs run, by name and outcome.", ["job", "outcome"], registry=REGISTRY)


def count_request(method: str, door: str, status: int, seconds: float) -> None:
    _requests_of(method, door, status).inc()
    _seconds_of(door).observe(seconds)


def render() -> bytes:
    """The text that Prometheus reads."""
    return generate_latest(REGISTRY)


@cache
def _requests_of(method: str, door: str, status: int) -> Counter:
    """The library looks its children up under a lock; this is asked for by every request."""
    return requests.labels(method, door, status)


@cache
def _seconds_of(door: str) -> Histogram:
    return request_seconds.labels(door)
