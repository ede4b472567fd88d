"""Where a transcription's time went, told in the form of the Server-Timing header (W3C)."""

from collections.abc import Mapping

HEADER = "server-timing"


def server_timing(timings: Mapping[str, float]) -> str:
    """`decode;dur=12.3, inference;dur=456.7`, durations in milliseconds.

    Args:
        timings: seconds by step; a step's name is a token of the header's grammar.
    """
    return ", ".join(f"{step};dur={seconds * 1000:.1f}" for step, seconds in timings.items())
