"""A server process for the tests of draining: prints its URL, then `started` per transcription.

Arguments: seconds of grace, seconds that a transcription waits before its end.
"""

import asyncio
import sys
from collections.abc import Sequence

from auricle.pipeline.options import TranscribeOptions
from auricle.server.app import create_app
from auricle.server.listener import bind
from auricle.server.serving import serve
from auricle.transcript.events import Completed, TextDelta
from unit.server.harness import settings_of
from unit.server.scripted_service import TRANSCRIPT, ScriptedService, Step


async def main(grace_s: float, wait_s: float) -> None:
    def steps(_options: TranscribeOptions) -> Sequence[Step]:
        release = asyncio.Event()
        asyncio.get_running_loop().call_later(wait_s, release.set)
        sys.stdout.write("started\n")
        sys.stdout.flush()
        return [TextDelta("Good"), release, Completed(TRANSCRIPT)]

    app = create_app(ScriptedService(steps=steps), settings_of())
    listener = bind("127.0.0.1", 0)

    def announce(url: str) -> None:
        sys.stdout.write(url + "\n")
        sys.stdout.flush()

    await serve(app, listener, grace_s=grace_s, on_started=announce)


asyncio.run(main(float(sys.argv[1]), float(sys.argv[2])))
