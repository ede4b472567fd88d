"""The models of one server: their rows, the engines behind them, and what those can do."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from auricle.engines.protocol import Submit
from auricle.engines.voxtral.model import VoxtralModel
from auricle.errors import SettingsError
from auricle.pipeline.companion import Companion
from auricle.pipeline.transcribe import Transcriber
from auricle.scheduling.ahead import EngineAhead
from auricle.scheduling.on_demand import OnDemand, Shelf
from auricle.scheduling.scheduler import Scheduler
from auricle.scheduling.upstreams import UpstreamScheduler
from auricle.served_weights import Weights, n_workers_of, spec_of
from auricle.settings import Settings
from auricle.weights.card import Feature, ModelCard, card_of
from auricle.weights.row import ModelRow

if TYPE_CHECKING:
    from auricle.engines.voxtral.vllm_upstream import VllmUpstream

FEATURES = frozenset({Feature.DIARIZE, Feature.SPEAKER_REFERENCES})
"""What every model can, because it is done beside it."""
EXTRA_WINDOWS_IN_FLIGHT = 2
"""Beyond one a slot, so that no slot waits while the next window is being read."""

_UPSTREAM = re.compile(r"(?:(?P<model>[\w.@+-]+)=)?(?P<url>https?://[^/?#@\s]+(?:/[^?#\s]*)?)")


@dataclass(frozen=True, slots=True)
class ServedModel:
    """One model and how it is reached.

    `languages` are those that it transcribes, as far as that is known before the start.
    """

    row: ModelRow
    transcriber: Transcriber
    languages: frozenset[str]
    word_times: bool
    context_bias: bool
    previous_text: bool
    is_ready: Callable[[], bool]

    def card(self, name: str) -> ModelCard:
        """The card under one of its names."""
        own = {Feature.CONTEXT_BIAS} if self.context_bias else set()
        return replace(card_of(self.row, name), features=FEATURES | own)


class ServedModels:
    """All models of a server. Owner: the runtime, which starts and closes them."""

    def __init__(
        self, settings: Settings, weights: Weights, ahead: EngineAhead | None = None
    ) -> None:
        """Configure.

        Args:
            settings: of the server.
            weights: the rows that are served, and their files.
            ahead: a process for the default model's engine (`scheduling.ahead`).

        Raises:
            SettingsError: a model has no upstream, or one is written wrongly.
        """
        self._settings = settings
        self._rows = weights.rows
        self._companion = weights.companion
        self._ahead = ahead
        self._shelf = Shelf(settings.max_loaded_bytes, settings.unload_after_s)
        self._schedulers: dict[str, Scheduler] = {}
        self._on_demand: dict[str, OnDemand] = {}
        for row in dict.fromkeys((*weights.rows, weights.companion)):
            if row is not None and not row.is_remote:
                self._add_local(row, weights.folders[row.id])
        urls = _upstream_urls(settings, [row.id for row in self._rows if row.is_remote])
        self._upstreams = {
            row.id: UpstreamScheduler(row.id, [self._upstream(row, url) for url in urls[row.id]])
            for row in self._rows
            if row.is_remote
        }
        self._served: dict[str, ServedModel] = {}

    async def start(self) -> None:
        """Start the engines that always run, and ask the upstreams once.

        Raises:
            EngineFailed: a local one does not come up.
        """
        if self._ahead is not None:  # the default model has no engine here
            await self._ahead.kill()
        await asyncio.gather(
            *(scheduler.start() for scheduler in self._schedulers.values()),
            *(upstreams.start() for upstreams in self._upstreams.values()),
            self._shelf.start(),
        )
        self._served = {row.id: self._served_model(row) for row in self._rows}

    async def close(self) -> None:
        """End all work and all engines."""
        await asyncio.gather(
            *(upstreams.close() for upstreams in self._upstreams.values()),
            *(scheduler.close() for scheduler in self._schedulers.values()),
            self._shelf.close(),
        )

    def find(self, name: str | None) -> ServedModel | None:
        """The model of an id or alias; None is the default one."""
        if name is None:
            return self._served.get(self._rows[0].id)
        row = next((row for row in self._rows if row.answers_to(name)), None)
        return None if row is None else self._served.get(row.id)

    def all(self) -> Sequence[ServedModel]:
        """Every model, the default first."""
        return tuple(self._served.values())

    @property
    def is_ready(self) -> bool:
        """Whether the default model can be asked."""
        default = self.find(None)
        return default is not None and default.is_ready()

    def gauges(self) -> Mapping[str, float]:
        """Figures of all engines together."""
        loaded = [found for each in self._on_demand.values() if (found := each.running())]
        local, remote = [*self._schedulers.values(), *loaded], self._upstreams.values()
        queued = [each.queue_length for each in local] + [each.queue_length for each in remote]
        figures = {
            "queued_utterances": sum(queued),
            "engine_workers": sum(len(each.worker_pids) for each in local),
            "engine_restarts": sum(each.n_restarts for each in local),
        }
        if self._on_demand:
            figures["models_on_demand"] = len(loaded)
        if remote:
            figures["upstreams"] = sum(each.n_up for each in remote)
        return figures

    def _add_local(self, row: ModelRow, folder: Path) -> None:
        """A row's engine: always there, or on demand.

        The default model and the companion must be ready; of a row that does not say its languages
        they are not known before it is loaded.
        """
        spec = spec_of(row, folder, self._settings)
        n_workers = n_workers_of(row, self._settings)
        if row == self._rows[0]:
            self._schedulers[row.id] = Scheduler(spec, n_workers, self._ahead)
            self._ahead = None
            return
        make = partial(Scheduler, spec, n_workers)
        if row == self._companion or not row.languages:
            self._schedulers[row.id] = make()
            return
        loaded = row.wanted(path.name for path in folder.iterdir() if path.is_file())
        n_bytes = sum((folder / name).stat().st_size for name in loaded)
        self._on_demand[row.id] = OnDemand(row.id, n_bytes, make, self._shelf)

    def _upstream(self, row: ModelRow, url: str) -> "VllmUpstream":
        from auricle.engines.voxtral.vllm_upstream import (  # noqa: PLC0415 (few servers have one)
            UpstreamOptions,
            VllmUpstream,
        )

        settings = self._settings
        name = settings.vllm_model or (row.hub.repo if row.hub else row.id)
        model = VoxtralModel(name, row.languages, row.kind == "voxtral-realtime")
        options = UpstreamOptions(
            settings.vllm_timeout_s,
            settings.vllm_requests,
            settings.vllm_api_key.get_secret_value(),
        )
        return VllmUpstream(url, model, options)

    def _served_model(self, row: ModelRow) -> ServedModel:
        submit, slots, languages, is_ready = self._engine(row)
        word_times, context_bias = True, row.engine == "openvino"
        if row.kind != "whisper":
            assert self._companion is not None  # noqa: S101 (there is one beside every such row)
            listener = self._schedulers[self._companion.id]
            submit = Companion(speaks=submit, listens=listener.submit).submit
            speaks = is_ready
            is_ready = lambda: speaks() and listener.is_ready  # noqa: E731
        elif row.id in self._schedulers:
            info = self._schedulers[row.id].info
            word_times, context_bias = info.word_times, info.context_bias
        previous_text = row.kind == "whisper"
        transcriber = Transcriber(
            submit,
            max_in_flight=slots + EXTRA_WINDOWS_IN_FLIGHT,
            condition_on_previous_text=previous_text and self._settings.condition_on_previous_text,
        )
        return ServedModel(
            row,
            transcriber,
            frozenset(languages),
            word_times=word_times,
            context_bias=context_bias,
            previous_text=previous_text,
            is_ready=is_ready,
        )

    def _engine(self, row: ModelRow) -> tuple[Submit, int, Sequence[str], Callable[[], bool]]:
        """How a row is decoded: by what, windows at once, which languages, whether it is up."""
        if row.is_remote:
            remote = self._upstreams[row.id]
            return remote.submit, remote.slots, row.languages, lambda: remote.is_ready
        n_workers = n_workers_of(row, self._settings)
        if row.id in self._on_demand:
            place = self._on_demand[row.id]
            slots = self._settings.batch * n_workers
            return place.submit, slots, row.languages, lambda: place.running() is not None
        local = self._schedulers[row.id]
        info = local.info
        slots = info.slots_of_a_request * n_workers
        return local.submit, slots, info.languages, lambda: local.is_ready


def _upstream_urls(settings: Settings, remote: Sequence[str]) -> dict[str, list[str]]:
    """The addresses of the servers that run each remote model.

    Raises:
        SettingsError: one is written wrongly or names no such model, or a model has none.
    """
    urls: dict[str, list[str]] = {row_id: [] for row_id in remote}
    for value in settings.vllm_urls:
        match = _UPSTREAM.fullmatch(value)
        if match is None:
            raise SettingsError(
                "vllm_urls must hold http:// or https:// addresses without a password, each "
                f"alone or as MODEL=ADDRESS; {value.rsplit('@')[-1]!r} is none",
                param="vllm_urls",
            )
        if match["model"] not in {None, *remote}:
            raise SettingsError(
                f"vllm_urls names the model {match['model']}, which is not served through vLLM "
                f"here; known are {', '.join(remote) or 'none'} (settings model and models)",
                param="vllm_urls",
            )
        for row_id in [match["model"]] if match["model"] else remote:
            urls[row_id].append(match["url"])
    if lacking := [row_id for row_id, found in urls.items() if not found]:
        raise SettingsError(
            f"model {lacking[0]} is run by vLLM servers, and vllm_urls names none for it",
            param="vllm_urls",
        )
    return urls
