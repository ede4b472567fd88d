"""Weights from the Hugging Face hub, through its own client (the extra `hub`)."""

import hashlib
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from auricle.weights.files import (
    LOCAL_ERRNOS,
    NotObtained,
    Unreachable,
    hash_file,
    read_chunks,
    sync_file,
)
from auricle.weights.progress import Progress, watched
from auricle.weights.row import HubSpec, ModelRow


@dataclass(frozen=True, slots=True)
class Published:
    """What the hub says of a file: its git blob id, and its sha256 where it lies in LFS."""

    name: str
    n_bytes: int
    blob_id: str | None
    sha256: str | None


def fetch_hub(
    row: ModelRow, folder: Path, scratch: Path, progress: Progress, endpoint: str | None = None
) -> dict[str, str]:
    """Download the row's files from the hub into `folder`, checked.

    Each file must be what the table demands or, for a row without hashes, what the hub itself
    publishes of it.

    Args:
        row: a row with a hub repository.
        folder: exists and is empty.
        scratch: exists; may hold the pieces of an earlier attempt, which are resumed.
        progress: told of the download and of the check.
        endpoint: the hub's address; None asks the client (HF_ENDPOINT).

    Returns:
        The sha256 of each file by name.

    Raises:
        NotObtained: the files cannot be had, or are not the expected ones.
        OSError: of the disk.
    """
    if row.hub is None:
        raise NotObtained("it is on no hub that the table knows")
    client = _client()
    with _client_errors(row.hub):
        revision, published = _listing(client, row.hub, endpoint)
        wanted = _choose(row, published)
        total = sum(file.n_bytes for file in wanted)
        with watched(progress, f"{row.id}: fetching {row.hub.repo}", scratch, total):
            for file in wanted:
                client.hf_hub_download(
                    row.hub.repo,
                    file.name,
                    revision=revision,
                    local_dir=str(scratch),
                    endpoint=endpoint,
                )
    return {file.name: _check(row, file, scratch, folder, progress) for file in wanted}


def _client() -> ModuleType:
    """The hub's client, loaded when the first model is fetched from there."""
    try:
        client = importlib.import_module("huggingface_hub")
    except ImportError as error:
        raise NotObtained("the hub's client is missing: `pip install auricle[hub]`") from error
    importlib.import_module("huggingface_hub.utils").disable_progress_bars()
    return client


def _listing(
    client: ModuleType, hub: HubSpec, endpoint: str | None
) -> tuple[str, dict[str, Published]]:
    """The commit that the revision means, and its files by name."""
    info = client.HfApi(endpoint=endpoint).model_info(
        hub.repo, revision=hub.revision, files_metadata=True
    )
    files = {}
    for sibling in info.siblings or ():
        sha256 = sibling.lfs.sha256 if sibling.lfs else None
        name = str(sibling.rfilename)
        files[name] = Published(name, sibling.size or 0, sibling.blob_id, sha256)
    return str(info.sha), files


def _choose(row: ModelRow, published: dict[str, Published]) -> list[Published]:
    if lacking := row.lacking(published):
        raise NotObtained(
            f"the hub's {row.hub.repo if row.hub else row.id} has no {' and no '.join(lacking)},"
            f" it is no {row.form}"
        )
    return [published[name] for name in row.wanted(published)]


def _check(row: ModelRow, file: Published, scratch: Path, folder: Path, progress: Progress) -> str:
    """Move a downloaded file into the model's folder if it is the right one; its sha256."""
    path = folder / file.name
    (scratch / file.name).rename(path)
    progress.advance(f"{row.id}: checking {file.name}", 0, file.n_bytes)
    sha256 = hash_file(path)
    demanded = {spec.name: spec.sha256 for spec in row.files}.get(file.name) or file.sha256
    if demanded is not None:
        is_right = sha256 == demanded
    else:
        is_right = file.blob_id is None or _blob_id(path) == file.blob_id
    if not is_right:
        raise NotObtained(f"the hub's {file.name} is not the expected file (wrong hash)")
    sync_file(path)
    progress.close()
    return sha256


def _blob_id(path: Path) -> str:
    """Git's name for a file's content, by which the hub names what is not in LFS."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    for chunk in read_chunks(path):
        digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def _client_errors(hub: HubSpec) -> Iterator[None]:
    """Translate what the hub's client raises; the disk's own errors pass."""
    errors = importlib.import_module("huggingface_hub.errors")
    try:
        yield
    except NotObtained:  # ours
        raise
    except errors.RevisionNotFoundError as error:
        raise NotObtained(f"the hub's {hub.repo} has no revision {hub.revision}") from error
    except errors.RepositoryNotFoundError as error:
        raise NotObtained(
            f"the hub has no model {hub.repo} that this machine may read"
            " (for private and gated ones HF_TOKEN must hold a token of an account that may; a"
            " gated one's card says what has to be accepted first)"
        ) from error
    except errors.HfHubHTTPError as error:
        raise NotObtained(f"the hub refused: {_first_line(error)}") from error
    except Exception as error:
        # Which library carries the client's requests differs from version to version.
        if isinstance(error, OSError) and error.errno in LOCAL_ERRNOS:
            raise
        raise Unreachable(f"the hub cannot be reached ({_first_line(error)})") from error


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
