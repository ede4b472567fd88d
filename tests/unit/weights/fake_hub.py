"""A hub on a free port: one repository, spoken to by the hub's real client."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from unit.weights.local_server import Handler, Hold, serving

COMMIT = "c" * 40


def blob_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass
class FakeHub:
    """What it serves can be changed while it runs."""

    repo: str
    files: dict[str, bytes]
    endpoint: str = ""
    lfs: set[str] = field(default_factory=lambda: {"model.bin"})
    sent_instead: dict[str, bytes] = field(default_factory=dict)
    """Content that does not match what the listing says."""
    holds: dict[str, Hold] = field(default_factory=dict)
    """Files whose download is held up in the middle."""
    is_gated: bool = False
    """Who has not accepted the card's terms may list the files and not have them."""
    downloads: list[str] = field(default_factory=list)

    def listing(self) -> dict[str, object]:
        siblings = []
        for name, content in self.files.items():
            entry: dict[str, object] = {
                "rfilename": name,
                "size": len(content),
                "blobId": blob_id(content),
            }
            if name in self.lfs:
                digest = hashlib.sha256(content).hexdigest()
                entry["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 134}
            siblings.append(entry)
        return {"id": self.repo, "modelId": self.repo, "sha": COMMIT, "siblings": siblings}

    def etag(self, name: str) -> str:
        content = self.files[name]
        return hashlib.sha256(content).hexdigest() if name in self.lfs else blob_id(content)


@contextmanager
def fake_hub(repo: str, files: dict[str, bytes], revision: str = "main") -> Iterator[FakeHub]:
    """Serve the files as that revision of the repository."""
    hub = FakeHub(repo, files)

    class Hub(Handler):
        def answer(self, *, with_body: bool) -> None:
            path = self.path.split("?")[0]
            if path in (f"/api/models/{hub.repo}", f"/api/models/{hub.repo}/revision/{revision}"):
                body = json.dumps(hub.listing()).encode()
                self.send(200, body, {"Content-Type": "application/json"}, with_body=with_body)
            elif path.startswith(f"/api/models/{hub.repo}/"):
                self.send(404, headers={"X-Error-Code": "RevisionNotFound"})
            elif hub.is_gated and path.startswith(f"/{hub.repo}/resolve/"):
                self.send(403, headers={"X-Error-Code": "GatedRepo"})
            elif path.startswith(f"/{hub.repo}/resolve/{COMMIT}/"):
                self.answer_file(path.rsplit("/", 1)[-1], with_body=with_body)
            else:
                self.send(404, headers={"X-Error-Code": "RepoNotFound"})

        def answer_file(self, name: str, *, with_body: bool) -> None:
            if with_body:
                hub.downloads.append(name)
            body = hub.sent_instead.get(name, hub.files[name])
            headers = {"ETag": f'"{hub.etag(name)}"', "X-Repo-Commit": COMMIT}
            if with_body and name in hub.holds:
                self.send_held(body, headers, hub.holds[name])
                return
            self.send(200, body, headers, with_body=with_body)

    with serving(Hub) as hub.endpoint:
        yield hub
