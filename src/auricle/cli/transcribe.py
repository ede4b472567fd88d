"""`auricle transcribe`: recordings to text, on this machine or by a server."""

import argparse
import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from tqdm import tqdm

from auricle.cli.flags import add_setting_flags, setting_flags
from auricle.cli.remote import RemoteServer
from auricle.engines.protocol import Ticket
from auricle.errors import AuricleError, InvalidRequest, SettingsError
from auricle.pipeline.options import TranscribeOptions
from auricle.settings import Settings, load
from auricle.sources.spool import Spool
from auricle.sources.url import Fetcher
from auricle.transcript.events import Completed, Progress, TranscriptEvent
from auricle.transcript.model import Transcript
from auricle.transcript.render import RENDERERS
from auricle.weights.progress import progress_for

STDIN = "-"
READ_BYTES = 1 << 20

Transcribe = Callable[[Path, TranscribeOptions], AsyncGenerator[TranscriptEvent, None]]


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "transcribe",
        help="transcribe recordings",
        description="Transcribe recordings on this machine, or with --server by a server. "
        "Exit status: 0 all done, 1 something failed, 2 wrong usage, 130 interrupted.",
    )
    parser.add_argument(
        "inputs", nargs="+", metavar="FILE|-|URL", help="recordings; - is standard input"
    )
    parser.add_argument("--format", choices=sorted(RENDERERS), default="text")
    parser.add_argument("--language", help="two-letter code; default: detected")
    parser.add_argument("--words", action="store_true", help="word times (json)")
    parser.add_argument("--diarize", action="store_true", help="tell speakers apart")
    parser.add_argument(
        "--bias",
        action="append",
        default=[],
        metavar="PHRASE",
        help="a word or phrase to expect, spelt as it is to be written; may be given again",
    )
    parser.add_argument(
        "--prompt",
        default="",
        metavar="TEXT",
        help="a text that might stand before the recording, in its language; its names, spelling "
        "and style are taken up (Whisper, without a server)",
    )
    parser.add_argument(
        "--output-dir", type=Path, help="write each transcript to a file in this folder"
    )
    parser.add_argument(
        "--server",
        metavar="URL",
        help="let this server do it (default: $AURICLE_URL if set; its key: $AURICLE_API_KEY)",
    )
    add_setting_flags(
        parser, "model", "workers", "engine", "beam_size", "condition_on_previous_text"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Transcribe all inputs in order; one that fails does not stop the others."""
    subtitles = arguments.format in {"srt", "vtt"}
    if subtitles and len(arguments.inputs) > 1 and arguments.output_dir is None:
        raise InvalidRequest(f"several inputs as {arguments.format} need --output-dir")
    settings, _ = load(setting_flags(arguments))
    options = TranscribeOptions(
        language=arguments.language,
        granularity="word" if arguments.words else "segment",
        diarize=arguments.diarize,
        context_bias=tuple(arguments.bias),
        prompt=arguments.prompt,
    )
    return asyncio.run(_run(arguments, settings, options))


async def _run(
    arguments: argparse.Namespace, settings: Settings, options: TranscribeOptions
) -> int:
    status = 0
    async with _transcriber(arguments, settings) as transcribe:
        for name in arguments.inputs:
            try:
                async with _recording(name, settings) as path:
                    transcript = await _watched(transcribe(path, options), name)
            except AuricleError as error:
                print(f"auricle: {name}: {error.message}", file=sys.stderr)
                status = 1
                continue
            for notice in transcript.notices:
                print(f"auricle: {name}: {notice}", file=sys.stderr)
            _write(arguments, name, transcript)
    return status


@asynccontextmanager
async def _transcriber(
    arguments: argparse.Namespace, settings: Settings
) -> AsyncIterator[Transcribe]:
    remote = RemoteServer.configured(arguments.server, arguments.setting_model)
    if remote is not None:
        if arguments.prompt:
            raise SettingsError("--prompt: a server's API has no field for it", param="prompt")
        for name in ("workers", "engine", "beam_size", "condition_on_previous_text"):
            if getattr(arguments, f"setting_{name}") is not None:
                flag = f"--{name.replace('_', '-')}"
                raise SettingsError(f"{flag} is the server's own choice", param=name)
        async with remote:
            yield remote.transcribe
        return
    from auricle.runtime import Runtime  # noqa: PLC0415 (a server's client needs none)
    from auricle.served_weights import Weights  # noqa: PLC0415

    weights = Weights(settings, progress_for(sys.stderr))
    async with Runtime(settings, weights) as runtime:
        yield lambda path, options: runtime.transcribe(path, options, Ticket())


@asynccontextmanager
async def _recording(name: str, settings: Settings) -> AsyncIterator[Path]:
    """The input as a file; what is no file yet is kept in one for as long as it is needed."""
    is_url = name.startswith(("http://", "https://"))
    if name != STDIN and not is_url:
        path = Path(name)
        if not path.is_file():  # noqa: ASYNC240 (nothing else waits on this loop)
            raise InvalidRequest("there is no such file")
        yield path
        return
    async with Spool(settings.max_upload_bytes) as spool:
        if is_url:
            # The person at the keyboard may fetch whatever they can reach anyway.
            fetcher = Fetcher(timeout_s=settings.fetch_timeout_s, allow_private=True)
            await fetcher.fetch(name, spool)
        else:
            while part := await asyncio.to_thread(sys.stdin.buffer.read, READ_BYTES):
                spool.append(part)
                await spool.settle()
        await spool.flush()
        yield spool.path


async def _watched(events: AsyncGenerator[TranscriptEvent, None], name: str) -> Transcript:
    """Fold the events, with a progress line on a terminal."""
    bar = tqdm(
        desc=Path(name).name,
        unit="s",
        file=sys.stderr,
        disable=not sys.stderr.isatty(),
        leave=False,
        bar_format="{desc}: {n:.0f} s of speech transcribed [{elapsed}, {rate_fmt}]",
    )
    with bar:
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Progress):
                    bar.update(event.position_s - bar.n)
                elif isinstance(event, Completed):
                    return event.transcript
    raise AuricleError("the transcription ended without an answer")


def _write(arguments: argparse.Namespace, name: str, transcript: Transcript) -> None:
    rendered = RENDERERS[arguments.format](transcript)
    if arguments.output_dir is not None:
        arguments.output_dir.mkdir(parents=True, exist_ok=True)
        stem = "standard-input" if name == STDIN else Path(name).stem or "recording"
        suffix = "txt" if arguments.format == "text" else arguments.format
        (arguments.output_dir / f"{stem}.{suffix}").write_text(rendered, encoding="utf-8")
        return
    if len(arguments.inputs) > 1 and arguments.format == "text":
        print(f"==> {name} <==")
    sys.stdout.write(rendered)
    sys.stdout.flush()
