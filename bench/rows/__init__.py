"""The rows of the speed table, each in a file of its own."""

from collections.abc import Callable, Mapping

from rows import (
    clients,
    first_delta,
    floor,
    latency,
    long,
    memory,
    overhead,
    start,
    three_hours,
)
from stage import Stage
from verdict import Verdict

ROWS: Mapping[str, Callable[[Stage], list[Verdict]]] = {
    "long": long.measure,
    "clients": clients.measure,
    "latency": latency.measure,
    "floor": floor.measure,
    "first-delta": first_delta.measure,
    "overhead": overhead.measure,
    "memory": memory.measure,
    "start": start.measure,
    "three-hours": three_hours.measure,
    "three-hours-speakers": three_hours.measure_with_speakers,
}
"""In the order they are measured in."""
