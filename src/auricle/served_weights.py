"""What a server serves: its models' rows, where their files are, what workers load of them."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from auricle.engines.registry import EngineSpec
from auricle.errors import SettingsError
from auricle.settings import Settings, n_cores
from auricle.weights.progress import Progress
from auricle.weights.row import ModelRow
from auricle.weights.store import ModelStore
from auricle.weights.table import VAD_MODEL, ModelTable, companion_of


class Weights:
    """The rows that are served and where their files are. Made before anything is started.

    `rows` are those that clients may ask for, the default first. `companion` is the row that
    hears for those that give text alone; None where there are none.
    """

    def __init__(self, settings: Settings, progress: Progress | None = None) -> None:
        """Find or fetch the files; blocking.

        Raises:
            SettingsError: a configured model is unknown.
            WeightsError: files cannot be had; the message says what to do.
        """
        table = ModelTable.load(settings.model_table)
        store = ModelStore(settings.cache_dir, settings.weight_sources, settings.weights_dir)
        self.rows = table.served(settings.model, settings.models, settings.engine)
        self.companion = companion_of(table, self.rows, settings.engine)
        _check_extra(self.rows)
        local = [row for row in self.rows if not row.is_remote]
        if self.companion is not None:
            local.append(self.companion)
        self.folders = {row.id: store.resolve(row, progress) for row in local}
        vad = table.find(VAD_MODEL)
        assert vad is not None  # noqa: S101 (a row of the built-in table)
        self.vad_file = store.resolve(vad, progress) / vad.files[0].name

    @property
    def row(self) -> ModelRow:
        """The default model."""
        return self.rows[0]

    @property
    def folder(self) -> Path:
        """The files of the default model.

        Raises:
            SettingsError: other servers run it.
        """
        if self.row.is_remote:
            raise SettingsError(f"model {self.row.id} has no weights on this machine")
        return self.folders[self.row.id]

    def default_spec(self, settings: Settings) -> EngineSpec | None:
        """What the default model's workers load; None where other servers run it."""
        return None if self.row.is_remote else spec_of(self.row, self.folder, settings)


def n_workers_of(row: ModelRow, settings: Settings) -> int:
    """Processes of a row's engine: one holds a large model, and has all the threads."""
    return settings.workers if row.kind == "whisper" else 1


def spec_of(row: ModelRow, folder: Path, settings: Settings) -> EngineSpec:
    """What those processes load."""
    spread = settings.workers // n_workers_of(row, settings)
    return EngineSpec(
        row.engine,
        str(folder),
        settings.beam_size,
        slots=settings.batch,
        n_threads=settings.threads * spread,
        n_cores=n_cores(),
        graphs_folder=str(settings.cache_dir / "graphs"),
        languages=row.languages if row.kind != "whisper" else (),
        log_format=settings.log_format,
    )


def _check_extra(rows: Sequence[ModelRow]) -> None:
    """Say before anything is fetched that a library is missing.

    Raises:
        SettingsError: it is.
    """
    wanted = [row.id for row in rows if row.engine == "transformers"]
    lacking = [name for name in ("torch", "transformers") if find_spec(name) is None]
    if wanted and lacking:
        raise SettingsError(
            f"model {wanted[0]} needs {' and '.join(lacking)} to run in process: "
            "`pip install auricle[voxtral]`, or let vLLM servers run it (engine vllm)",
            param="engine",
        )
