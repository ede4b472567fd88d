"""The page and its files, as the server gives them out."""

import gzip
import re
from pathlib import Path

import httpx
import pytest

from auricle.server.routes.playground import Playground
from unit.server.harness import MakeApp, client_of

SECURITY = ("x-content-type-options", "referrer-policy", "x-frame-options")


def policy_of(answer: httpx.Response) -> dict[str, str]:
    (policy,) = answer.headers.get_list("content-security-policy")
    parts = (part.strip().partition(" ") for part in policy.split(";"))
    return {name: value for name, _, value in parts}


async def test_the_page_answers_without_a_key(make_app: MakeApp) -> None:
    async with client_of(make_app(api_keys="secret")) as client:
        page = await client.get("/")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        for path in re.findall(r'(?:src|href)="(/[^"]+)"', page.text):
            assert (await client.get(path)).status_code == 200, path


async def test_nothing_comes_from_elsewhere(client: httpx.AsyncClient) -> None:
    page = await client.get("/")
    assert not re.search(r"""(?:src|href)=["'](?!/static/)""", page.text)
    policy = policy_of(page)
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == policy["font-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert "unsafe" not in page.headers["content-security-policy"]
    assert all(name in page.headers for name in SECURITY)


async def test_each_page_has_a_nonce_of_its_own(client: httpx.AsyncClient) -> None:
    pages = [await client.get("/") for _ in range(2)]
    nonces = [re.findall(r'nonce="([^"]+)"', page.text) for page in pages]
    assert nonces[0] != nonces[1]
    for page, (nonce,) in zip(pages, nonces, strict=True):
        assert policy_of(page)["style-src"] == f"'self' 'nonce-{nonce}'"
        assert page.headers["cache-control"] == "no-cache"


async def test_files_may_be_kept_for_ever_and_come_compressed(client: httpx.AsyncClient) -> None:
    page = await client.get("/")
    (script,) = re.findall(r'src="(/static/[^"]+\.js)"', page.text)
    plain = await client.get(script, headers={"accept-encoding": "identity"})
    packed = await client.get(script, headers={"accept-encoding": "br, gzip"})
    refused = await client.get(script, headers={"accept-encoding": "gzip;q=0"})
    assert plain.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "content-encoding" not in plain.headers
    assert "content-encoding" not in refused.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
    assert packed.content == plain.content == refused.content
    for answer in (plain, packed):
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["vary"] == "accept-encoding"
        assert policy_of(answer)["default-src"] == "'none'"


@pytest.mark.parametrize("name", ["x.js", "..%2Findex.html", "%2e%2e/app.py", "index.html", ""])
async def test_no_other_file_is_reached(client: httpx.AsyncClient, name: str) -> None:
    assert (await client.get(f"/static/{name}")).status_code == 404


async def test_the_whole_page_stays_small(client: httpx.AsyncClient) -> None:
    playground = Playground()
    sizes = [len(asset.compressed or asset.content) for asset in playground.assets.values()]
    page = gzip.compress((await client.get("/")).content)
    assert sum(sizes) + len(page) < 300_000


async def test_a_copy_without_the_page_says_how_to_make_it(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auricle.server.routes.playground.files", lambda _: tmp_path)
    async with client_of(make_app()) as client:
        answer = await client.get("/")
    assert answer.status_code == 404
    assert "make web" in answer.json()["message"]
