"""Settings: one frozen tree, the only reader of environment and files.

Precedence: command-line flag, environment (`AURICLE_…`), file (TOML, `AURICLE_CONFIG` or
`./auricle.toml`), default. Each setting has one flat name; the environment's is the same in
capitals behind `AURICLE_`. Unknown names are errors that offer the nearest known one.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from auricle.errors import SettingsError

ENV_PREFIX = "AURICLE_"
OTHER_ENVIRONMENT = frozenset({"AURICLE_CONFIG", "AURICLE_API_KEY", "AURICLE_URL"})
"""Names in our prefix that are no server setting: the file's place, and what clients read."""
TEST_ENVIRONMENT = ("AURICLE_TEST_", "AURICLE_REQUIRE_")


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


Texts = Annotated[tuple[str, ...], BeforeValidator(_split)]
"""Several texts; in the environment separated by commas."""


def _default_cache_dir() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "auricle"


def _default_data_dir() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "auricle"


def n_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Settings(BaseModel):
    """Everything a deployment can change. `docs/settings.md` is generated from this class."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    # Server
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    api_keys: SecretStr = Field(
        SecretStr(""),
        description="Keys that may use the API: `key` or `name=key`, separated by commas.",
    )
    keys_file: Path | None = Field(
        None, description="File of further keys, one `name:sha256` of the key a line."
    )
    allow_open: bool = Field(
        False,
        description="Serve without keys on an address other than loopback. Know what you do.",
    )
    allowed_hosts: Texts = Field(
        ("localhost", "127.0.0.1", "[::1]"),
        description="Host names accepted while no key is configured (DNS rebinding).",
    )
    cors_origins: Texts = Field(
        (), description="Origins whose pages may call this server, separated by commas."
    )
    grace_s: float = Field(
        30, ge=0, description="After SIGTERM, how long accepted requests may go on, in seconds."
    )
    log_format: str = Field(
        "console", pattern="^(console|json)$", description="`console` or `json` log lines."
    )

    # Model
    model: str = Field(
        "whisper-base", description="Row of the model table that is served (`auricle models list`)."
    )
    models: Texts = Field(
        (),
        description="Further rows that are served beside `model`, separated by commas. Those that "
        "run here are loaded at their first use.",
    )
    unload_after_s: float = Field(
        300,
        gt=0,
        description="How long a further model without work stays loaded, in seconds.",
    )
    max_loaded_bytes: int | None = Field(
        None,
        ge=1,
        description="Weights of further models that are loaded at once, in bytes on disk; the "
        "longest unused go first.",
    )
    model_table: Path | None = Field(
        None, description="TOML file of further model rows, in the form of the built-in table."
    )
    engine: str | None = Field(
        None,
        pattern="^(ctranslate2|openvino|vllm|transformers)$",
        description="For the models that it can run: `openvino` (ours: text as it is decoded, many "
        "utterances in a batch) or `ctranslate2` for Whisper, `vllm` (other servers) or "
        "`transformers` (in process) for Voxtral; unset: what the model's row says.",
    )
    vllm_urls: Texts = Field(
        (),
        description="Addresses of the vLLM servers that run the Voxtral models, separated by "
        "commas; `MODEL=ADDRESS` for a server of one of them.",
    )
    vllm_api_key: SecretStr = Field(
        SecretStr(""), description="What vLLM servers were given as `--api-key`."
    )
    vllm_model: str | None = Field(
        None,
        description="The model's name on the vLLM servers (`--served-model-name`); unset: its "
        "repository, `mistralai/…`.",
    )
    vllm_requests: int = Field(
        32, ge=1, le=1024, description="Windows that a vLLM server is given at once."
    )
    vllm_timeout_s: float = Field(
        60,
        gt=0,
        le=3600,
        description="Longest a vLLM server may give no text while it owes some, in seconds; then "
        "another one is tried.",
    )
    language: str | None = Field(
        None, pattern=r"^[a-z]{2}$", description="Language of all recordings; unset detects it."
    )
    workers: int = Field(
        default_factory=n_cores,
        ge=1,
        le=256,
        description="Engine processes; default: the number of cores.",
    )
    threads: int = Field(
        1,
        ge=1,
        le=256,
        description="Threads of each engine process; more than one shortens a lone request and "
        "costs throughput. The encoder of `openvino` takes idle cores anyway.",
    )
    batch: int = Field(
        8,
        ge=1,
        le=64,
        description="Utterances that a process of `openvino` or `transformers` decodes at once.",
    )
    diarizers: int = Field(
        default_factory=n_cores,
        ge=1,
        le=256,
        description="Processes that tell speakers apart, one thread each, started when needed; "
        "one keeps up with one worker.",
    )
    beam_size: int | None = Field(
        None,
        ge=1,
        le=16,
        description="Beam width; 1 is greedy, faster; unset: 5, or 3 (`openvino` where the "
        "processor has bfloat16 or is no x86).",
    )
    condition_on_previous_text: bool = Field(
        False,
        description="Tell Whisper what was said before each window of a recording. Windows of a "
        "recording then wait for each other, and errors may be handed on.",
    )
    cache_dir: Path = Field(
        default_factory=_default_cache_dir, description="Where model weights are kept."
    )
    data_dir: Path = Field(
        default_factory=_default_data_dir, description="Where files and jobs are kept."
    )
    weight_sources: Texts = Field(
        ("cache", "folder", "packages", "hub"),
        description="Where weights are looked for, in this order.",
    )
    weights_dir: Path | None = Field(
        None, description="Folder with weights, one folder a model (source `folder`)."
    )

    # Limits
    max_upload_bytes: int = Field(
        512 << 20, ge=1, description="Largest recording accepted, in bytes."
    )
    max_audio_s: float = Field(
        3 * 3600, gt=0, description="Longest recording accepted, in decoded seconds."
    )
    max_requests: int = Field(64, ge=1, description="Transcriptions at once; beyond it: 429.")
    max_requests_per_key: int | None = Field(
        None, ge=1, description="Transcriptions at once of one key; beyond it: 429."
    )
    requests_per_minute: int | None = Field(
        None, ge=1, description="Transcriptions one key may start in a minute; beyond it: 429."
    )
    max_queued_audio_s: float = Field(
        default_factory=lambda: 3.0 * 3600 * n_cores(),
        gt=0,
        description="Audio accepted and not yet read, in seconds, of all transcriptions; "
        "beyond it: 429. Default: three hours a core.",
    )
    request_timeout_s: float = Field(
        3 * 3600, gt=0, description="Longest a single transcription may take, in seconds."
    )
    decoders: int = Field(
        default_factory=lambda: n_cores() + 2,
        ge=1,
        le=256,
        description="Processes that decode audio and find speech, always kept ready.",
    )
    max_decoders: int = Field(
        64,
        ge=1,
        le=1024,
        description="Such processes at most: a long recording keeps its own until it is read, "
        "and others are started beside it.",
    )
    decoder_memory_bytes: int = Field(
        1 << 30, ge=256 << 20, description="Address space a decoder may use beyond its start."
    )
    fetch_timeout_s: float = Field(
        60, gt=0, description="Longest a `file_url` download may take, in seconds."
    )
    allow_private_urls: bool = Field(
        False,
        description="Fetch `file_url` from private and loopback addresses too.",
    )


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    found = {}
    for name, value in environ.items():
        if not name.startswith(ENV_PREFIX) or name in OTHER_ENVIRONMENT:
            continue
        if name.startswith(TEST_ENVIRONMENT):
            continue
        found[_known(name.removeprefix(ENV_PREFIX).lower(), f"environment variable {name}")] = value
    return found


def _from_file(environ: Mapping[str, str]) -> tuple[dict[str, Any], str]:
    named = environ.get("AURICLE_CONFIG")
    path = Path(named or "auricle.toml")
    if not named and not path.exists():
        return {}, ""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"settings file {path} cannot be read: {error}") from error
    return {_known(name, f"setting in {path}"): value for name, value in table.items()}, str(path)


def _known(name: str, what: str) -> str:
    if name in Settings.model_fields:
        return name
    near = difflib.get_close_matches(name, Settings.model_fields, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise SettingsError(f"unknown {what}{hint}", param=name)


def load(
    flags: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None
) -> tuple[Settings, dict[str, str]]:
    """Settings, and for each name where its value came from.

    Args:
        flags: values from the command line; None values are not set.
        environ: the environment; default the process's own.

    Raises:
        SettingsError: an unknown name, or a value that a setting cannot take.
    """
    environ = os.environ if environ is None else environ
    file_values, file_name = _from_file(environ)
    layers = [
        (file_values, f"file {file_name}"),
        (_from_environment(environ), "environment"),
        ({k: v for k, v in (flags or {}).items() if v is not None}, "flag"),
    ]
    values: dict[str, Any] = {}
    origins = dict.fromkeys(Settings.model_fields, "default")
    for layer, origin in layers:
        values.update(layer)
        origins.update(dict.fromkeys(layer, origin))
    try:
        return Settings(**values), origins
    except ValidationError as error:
        first = error.errors()[0]
        name, seen = str(first["loc"][0]), first["input"]
        raise SettingsError(
            f"setting {name} (from {origins[name]}) has the value {seen!r}: {first['msg']}",
            param=name,
        ) from error
