"""One vLLM server: asked whether it is well, and given utterances."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from auricle.engines.protocol import DecodeOptions, Utterance
from auricle.engines.voxtral.model import VoxtralModel
from auricle.engines.voxtral.text import LoopWatch, TidyText
from auricle.engines.voxtral.vllm_dialect import StreamReader, UpstreamTrouble, form_of, wav_of

CONNECT_TIMEOUT_S = 5.0
PROBE_TIMEOUT_S = 10.0
MAX_TIMEOUTS = 10
"""How many times the longest silence a whole answer may take."""
KEEP_ALIVE_S = 3.0
"""Below the 5 s after which vLLM closes an idle connection, maybe just as it is used again."""
MAX_CARDS_BYTES = 1 << 20
"""Of an upstream's list of models."""
MAX_REFUSAL_BYTES = 64 << 10
"""Of the body of an error; what is read of it goes to the log."""
PATH = "v1/audio/transcriptions"


@dataclass(frozen=True, slots=True)
class UpstreamOptions:
    """How upstreams are spoken to.

    `timeout_s` is the longest an upstream may be silent while it owes an answer, `slots` how
    many utterances it is given at once, `api_key` what it wants to see, or "".
    """

    timeout_s: float = 60.0
    slots: int = 32
    api_key: str = ""


class VllmUpstream:
    """A server at `url` that is to serve `model`. Owner: the scheduler, which closes it."""

    def __init__(self, url: str, model: VoxtralModel, options: UpstreamOptions) -> None:
        self.url = url
        self.slots = options.slots
        self._model = model
        self._timeout_s = options.timeout_s
        self._served_name = model.name
        self._max_context: int | None = None
        self._client = httpx.AsyncClient(
            base_url=url.rstrip("/") + "/",
            headers=_headers(options.api_key),
            limits=httpx.Limits(
                max_connections=options.slots + 2,
                max_keepalive_connections=options.slots,
                keepalive_expiry=KEEP_ALIVE_S,
            ),
            timeout=httpx.Timeout(options.timeout_s, connect=CONNECT_TIMEOUT_S),
            trust_env=False,
        )

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def probe(self) -> None:
        """Find out whether it is well and serves the model.

        Raises:
            UpstreamTrouble: it is not, or does not.
        """
        async with _troubles("its health", PROBE_TIMEOUT_S):
            async with self._client.stream("GET", "health") as response:
                if response.status_code not in {200, 404}:  # some proxies show the API alone
                    await _refuse(response)
            async with self._client.stream("GET", "v1/models") as response:
                if response.status_code != 200:
                    await _refuse(response)
                body = await _read(response, MAX_CARDS_BYTES)
        self._note_cards(_json(body))

    async def transcribe(
        self, utterance: Utterance, options: DecodeOptions
    ) -> AsyncGenerator[str, None]:
        """The text of an utterance as it comes; complete when the generator ends.

        Closing the generator closes the connection, by which vLLM drops the request.

        Raises:
            UpstreamTrouble: there is no text, or it is not whole.
        """
        max_tokens = self._model.max_new_tokens(utterance.duration_s)
        needed = self._model.max_context(utterance.duration_s)
        if self._max_context is not None and needed > self._max_context:
            raise UpstreamTrouble(
                f"its context of {self._max_context} tokens (--max-model-len) is too small for "
                f"{utterance.duration_s:.1f} s of audio, which need {needed}"
            )
        form = {
            "model": self._served_name,
            **form_of(self._model, options, utterance.duration_s),
        }
        wav = await asyncio.to_thread(wav_of, utterance)
        files = {"file": ("utterance.wav", wav, "audio/wav")}
        reader = StreamReader(max_tokens)
        async with (
            _troubles("its answer", MAX_TIMEOUTS * self._timeout_s),
            self._client.stream("POST", PATH, data=form, files=files) as response,
        ):
            if response.status_code != 200:
                await _refuse(response)
            if not response.headers.get("content-type", "").startswith("text/event-stream"):
                raise UpstreamTrouble("its answer is no event stream")
            async with aclosing(self._texts(response, reader)) as texts:
                async for text in texts:
                    yield text
        reader.finish(may_be_cut=self._model.is_realtime)

    async def _texts(
        self, response: httpx.Response, reader: StreamReader
    ) -> AsyncGenerator[str, None]:
        """Texts that are not empty, with bounded waits between them, whatever else arrives.

        The realtime class answers silence with chunks that are empty: they count as answers.
        """
        clock = asyncio.get_running_loop().time
        heard_s, n_chunks, tidy, loops = clock(), 0, TidyText(), LoopWatch()
        async for data in response.aiter_raw():
            texts = [fresh for text in reader.feed(data) if (fresh := tidy.add(text))]
            if texts or (self._model.is_realtime and reader.n_chunks > n_chunks):
                heard_s, n_chunks = clock(), reader.n_chunks
            elif not reader.is_done and clock() - heard_s > self._timeout_s:
                raise UpstreamTrouble(f"it gave no text for {self._timeout_s:g} s", is_down=True)
            for text in texts:
                yield text
                if loops.is_looping(text) and not self._model.is_realtime:
                    reader.stop()
                    return
            if reader.is_done:
                return

    def _note_cards(self, listing: Any) -> None:
        cards = listing.get("data") if isinstance(listing, dict) else None
        if not isinstance(cards, list):
            raise UpstreamTrouble("its list of models has another form than vLLM's", is_down=True)
        named = [card for card in cards if isinstance(card, dict)]
        for card in named:
            if self._model.name in [card.get("id"), card.get("root")]:
                length = card.get("max_model_len")
                self._max_context = length if isinstance(length, int) else None
                self._served_name = str(card.get("id"))
                return
        names = ", ".join(str(card.get("id"))[:80] for card in named[:5]) or "nothing"
        raise UpstreamTrouble(
            f"it does not serve {self._model.name}",
            detail=f"it serves {names}; setting vllm_model",
            is_down=True,
        )


def _headers(api_key: str) -> dict[str, str]:
    headers = {"accept-encoding": "identity", "user-agent": "auricle"}
    return headers | {"authorization": f"Bearer {api_key}"} if api_key else headers


@asynccontextmanager
async def _troubles(what: str, limit_s: float | None = None) -> AsyncIterator[None]:
    """Name what goes wrong on the way, in one class of errors."""
    try:
        async with asyncio.timeout(limit_s):
            yield
    except (TimeoutError, httpx.TimeoutException) as error:
        raise UpstreamTrouble(f"{what} did not come in time", is_down=True) from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
        detail = f"{type(error).__name__}: {error}"
        raise UpstreamTrouble(f"{what} was lost", detail=detail, is_down=True) from error


async def _refuse(response: httpx.Response) -> None:
    """Raise what a status other than 200 means; one of 400 and 422 is about the request alone."""
    body = await _read(response, MAX_REFUSAL_BYTES)
    status = response.status_code
    raise UpstreamTrouble(
        f"it answered with status {status}",
        detail=body[:200].decode("utf-8", "replace"),
        is_down=status not in {400, 413, 422},
    )


async def _read(response: httpx.Response, limit: int) -> bytes:
    body = b""
    async for data in response.aiter_raw():
        body += data
        if len(body) > limit:
            raise UpstreamTrouble(f"a body of its is over {limit} bytes", is_down=True)
    return body


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UpstreamTrouble("its list of models is not JSON", is_down=True) from error
