"""Files made to break a server: does each do what its manifest expects, and how soon.

Posts every recording of the kind `hostile`, one at a time; then a good clip must still be answered
and memory be where it was. Prints a table and appends JSON lines to `bench/results/`.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from auricle.process_tree import tree_pss_bytes
from load import PATH
from manifest import Recording, find_manifest, read_manifest
from records import Recorder, describe_run
from server_process import connect, running_server
from table import format_table

MAX_S = 5.0
EXPECTED = {
    "reject": {400},
    "decode-or-reject": {200, 400},
    "limit": {413},
    "reject-or-limit": {400, 413},
}


def main() -> int:
    """Run and report; the exit code is 1 if a file did something else, or took too long."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--manifest", help="manifest.jsonl or its folder")
    parser.add_argument("--server", metavar="URL", help="a running server; default: start one")
    options = parser.parse_args()
    manifest = find_manifest(options.manifest)
    recordings = read_manifest(manifest)
    expectations = expectations_of(manifest)
    good = next(r for r in recordings if r.kind == "read" and r.language == "en")
    recorder = Recorder("hostile")
    with running_server(options.server) as server, connect(server) as client:
        recorder.write("run", describe_run(None))
        assert post(client, good)["status"] == httpx.codes.OK
        before = (tree_pss_bytes(server.pid) if server.pid else 0) or 0
        found = [
            {**post(client, each), "expect": expectations[each.id]}
            for each in recordings
            if each.kind == "hostile"
        ]
        after = (tree_pss_bytes(server.pid) if server.pid else 0) or 0
        assert post(client, good)["status"] == httpx.codes.OK
    for each in found:
        recorder.write("measurement", each)
    print(format_table(list(found[0]), [list(map(str, each.values())) for each in found]))
    print(
        f"\nPSS before and after: {before >> 20}, {after >> 20} MiB; results: {recorder.path.name}"
    )
    wrong = [each["id"] for each in found if each["status"] not in EXPECTED[each["expect"]]]
    slow = [each["id"] for each in found if each["wall_s"] > MAX_S]
    print(f"not as expected: {wrong or 'none'}; over {MAX_S:g} s: {slow or 'none'}")
    return 1 if wrong or slow else 0


def expectations_of(manifest: Path) -> dict[str, str]:
    rows = (json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines() if line)
    return {row["id"]: row["expect"] for row in rows if "expect" in row}


def post(client: httpx.Client, recording: Recording) -> dict[str, Any]:
    started_s = time.perf_counter()
    with recording.path.open("rb") as file:
        answer = client.post(
            PATH, data={"model": "voxtral-mini-latest"}, files={"file": (recording.id, file)}
        )
    wall_s = round(time.perf_counter() - started_s, 3)
    return {"id": recording.id, "status": answer.status_code, "wall_s": wall_s}


if __name__ == "__main__":
    sys.exit(main())
