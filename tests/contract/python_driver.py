"""Makes the calls a test asks for with the `mistralai` of this environment, in lines of JSON.

Run as a script by the other side, `contract/sdk.py`. In: {call, style, url, key, arguments}.
Out: {event} for each streamed event as it arrives, then one {result} or {error}.
"""

import asyncio
import contextlib
import importlib
import json
import sys
from collections.abc import Iterator
from typing import Any

try:
    Mistral = importlib.import_module("mistralai.client").Mistral
except (ImportError, AttributeError):  # 1.x
    Mistral = importlib.import_module("mistralai").Mistral


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _plain(value: Any) -> Any:
    return json.loads(value.model_dump_json())


@contextlib.contextmanager
def _fields(given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    file = given.get("file")
    if file is None:
        yield given
        return
    with open(file["path"], "rb") as content:  # noqa: PTH123 (the documented way)
        yield {**given, "file": {"content": content, "file_name": file["name"]}}


def _answer(client: Any, call: str, given: dict[str, Any]) -> Any:
    if call == "models":
        return _plain(client.models.list())
    if call == "model":
        return _plain(client.models.retrieve(**given))
    with _fields(given) as fields:
        if call == "complete":
            return _plain(client.audio.transcriptions.complete(**fields))
        with client.audio.transcriptions.stream(**fields) as events:
            for event in events:
                _say({"event": _plain(event)})
        return None


async def _answer_async(client: Any, call: str, given: dict[str, Any]) -> Any:
    if call == "models":
        return _plain(await client.models.list_async())
    if call == "model":
        return _plain(await client.models.retrieve_async(**given))
    with _fields(given) as fields:
        if call == "complete":
            return _plain(await client.audio.transcriptions.complete_async(**fields))
        async with await client.audio.transcriptions.stream_async(**fields) as events:
            async for event in events:
                _say({"event": _plain(event)})
        return None


async def _call_async(call: str, given: dict[str, Any], options: dict[str, Any]) -> Any:
    async with Mistral(**options) as client:
        return await _answer_async(client, call, given)


def _call(asked: dict[str, Any]) -> Any:
    call, given = asked["call"], asked["arguments"]
    options = {"api_key": asked["key"], "server_url": asked["url"]}
    if asked["style"] == "async":
        return asyncio.run(_call_async(call, given, options))
    with Mistral(**options) as client:
        return _answer(client, call, given)


def main() -> None:
    """Serve until the end of the input."""
    for line in sys.stdin:
        try:
            _say({"result": _call(json.loads(line))})
        except Exception as error:  # noqa: BLE001 (whatever the SDK raises is the answer)
            _say(
                {
                    "error": {
                        "name": type(error).__name__,
                        "message": str(error),
                        "status": getattr(error, "status_code", None),
                        "body": getattr(error, "body", None),
                    }
                }
            )


if __name__ == "__main__":
    main()
