"""A transcript as text, subtitles or JSON."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict

from auricle.transcript.model import Segment, Transcript


def to_text(transcript: Transcript) -> str:
    """The text and a final newline."""
    return f"{transcript.text}\n"


def to_json(transcript: Transcript) -> str:
    """All of it, in Auricle's own shape, readable."""
    return json.dumps(asdict(transcript), ensure_ascii=False, indent=2) + "\n"


def to_srt(transcript: Transcript) -> str:
    """SubRip: numbered cues, comma before the milliseconds."""
    cues = (
        f"{number}\n{_clock(segment.start, ',')} --> {_clock(segment.end, ',')}\n{_line(segment)}\n"
        for number, segment in enumerate(transcript.segments, 1)
    )
    return "\n".join(cues)


def to_vtt(transcript: Transcript) -> str:
    """WebVTT (W3C): a header, dot before the milliseconds."""
    cues = (
        f"{_clock(segment.start, '.')} --> {_clock(segment.end, '.')}\n{_line(segment)}\n"
        for segment in transcript.segments
    )
    return "\n".join(["WEBVTT\n", *cues])


def _line(segment: Segment) -> str:
    """The text on one line; `-->` would end a cue, so it is broken up."""
    text = " ".join(segment.text.split()).replace("-->", "->")
    return f"{segment.speaker}: {text}" if segment.speaker else text


def _clock(seconds: float, mark: str) -> str:
    """Hours, minutes, seconds and milliseconds, rounded once."""
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds // 1000:02}{mark}{milliseconds % 1000:03}"


RENDERERS: Mapping[str, Callable[[Transcript], str]] = {
    "text": to_text,
    "json": to_json,
    "srt": to_srt,
    "vtt": to_vtt,
}
