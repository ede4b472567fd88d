"""API keys as settings give them, and whether a server may be reached without any.

Nothing of the server itself is needed here: it is asked before anything is loaded.
"""

import hashlib
import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path

from auricle.errors import SettingsError
from auricle.settings import Settings

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept: never the text itself. `name` owns what the key creates."""

    name: str
    sha256: bytes


def digest_of(key: str) -> bytes:
    """What is kept of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def parse_keys(text: str) -> list[ApiKey]:
    """Keys from `key` or `name=key`, separated by commas.

    A nameless key is named by the beginning of its digest, so that its owner stays the same.

    Raises:
        SettingsError: a name or a key is empty.
    """
    keys = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, separator, key = entry.partition("=")
        if not key.strip("="):  # a nameless key, perhaps with the padding of base64
            name, separator, key = "", "", entry
        if separator and not name:
            raise SettingsError("api_keys: an entry has an empty name before `=`", param="api_keys")
        digest = digest_of(key)
        keys.append(ApiKey(name or f"key-{digest.hex()[:8]}", digest))
    return keys


def read_keys_file(path: Path) -> list[ApiKey]:
    """Keys from a file of `name:sha256` lines; empty lines and `#` comments are skipped.

    Raises:
        SettingsError: the file cannot be read or a line has another form.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"keys_file {path} cannot be read: {error}", param="keys_file"
        ) from error
    keys = []
    for number, line in enumerate(lines, start=1):
        entry = line.strip()
        if not entry or entry.startswith("#"):
            continue
        name, _, digest = entry.rpartition(":")
        if not name or not _SHA256.fullmatch(digest.lower()):
            raise SettingsError(
                f"keys_file {path} line {number}: expected `name:sha256 of the key in hex`",
                param="keys_file",
            )
        keys.append(ApiKey(name, bytes.fromhex(digest)))
    return keys


def read_keys(settings: Settings) -> list[ApiKey]:
    """All configured keys.

    Raises:
        SettingsError: a key is malformed or the file cannot be read.
    """
    keys = parse_keys(settings.api_keys.get_secret_value())
    if settings.keys_file is not None:
        keys += read_keys_file(settings.keys_file)
    return keys


def check_exposure(settings: Settings) -> None:
    """Refuse to serve strangers without keys.

    Raises:
        SettingsError: the address is not loopback, no key is configured, and `allow_open` is
            not set; or a key is malformed.
    """
    if read_keys(settings) or settings.allow_open or _is_loopback(settings.host):
        return
    raise SettingsError(
        f"refusing to serve without keys on {settings.host}: set AURICLE_API_KEYS, or "
        "AURICLE_ALLOW_OPEN=true if everybody who reaches that address may use this server",
        param="host",
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"
