"""One server with three models: Whisper, a second Whisper that is loaded at its first use, and
Voxtral on a server that a test can make fail.

What a real vLLM says is in `tests/voxtral`.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from auricle.scoring.text import normalize_basic
from auricle.settings import load
from auricle.weights.store import ModelStore
from auricle.weights.table import ModelTable
from contract.sdk import KINDS, Driver, Sdk, SdkError, upload
from harness.metrics import metrics_of
from harness.server import Server
from harness.speech import ASK_NOT, JFK
from harness.sse import Stream
from harness.transcribe import post
from harness.vllm_stub import Answer, VllmStub, break_off, say
from harness.waiting import eventually

MINI = "voxtral-mini-3b-2507"
SECOND = """
[[models]]
id = "second"
engine = "openvino"
kind = "whisper"
name = "Second"
description = "The same weights again."
created = 1
owned_by = "me"
languages = ["en", "de"]
size = "base"
folder = "{folder}"
"""
SAID = say(*(f" {word}" for word in JFK.reference.split()))


@pytest.fixture(scope="module")
def stub() -> Iterator[VllmStub]:
    stub = VllmStub(SAID)
    yield stub
    stub.close()


@pytest.fixture(scope="module")
def server(stub: VllmStub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("voxtral")
    known = load()[0]
    store = ModelStore(known.cache_dir, known.weight_sources, known.weights_dir)
    table = folder / "models.toml"
    whisper = store.resolve(ModelTable.load().configured("whisper-base"))
    table.write_text(SECOND.format(folder=whisper))
    running = Server(
        folder / "log",
        models=f"{MINI},second",
        model_table=str(table),
        unload_after_s="2",
        vllm_urls=stub.url,
        vllm_timeout_s="20",
        workers="1",
        decoders="1",
    )
    yield running
    assert running.stop() == 0, running.log[-5000:]


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


@pytest.fixture(scope="module")
def sdk(server: Server) -> Iterator[Sdk]:
    kind = next(kind for kind in KINDS if kind.name == "python-3-sync")
    driver = Driver(kind.command)
    yield Sdk(driver, kind.style, server.url)
    driver.close()


def test_all_models_have_cards(sdk: Sdk) -> None:
    cards = {card["id"]: card for card in sdk.models()["data"]}
    assert list(cards) == ["whisper-base", MINI, "second"]
    assert "voxtral-mini-latest" in cards[MINI]["aliases"]
    assert "whisper-1" in cards["whisper-base"]["aliases"]
    alias = sdk.model("voxtral-mini-latest")
    assert alias["description"].startswith(f"Served by {MINI} under the name voxtral-mini-latest")
    assert alias["max_context_length"] == 32768


def test_cards_say_which_model_can_be_told_what_to_expect(client: httpx.Client) -> None:
    for model, can in (("whisper-base", True), (MINI, False), ("second", True)):
        features = client.get(f"/v1/models/{model}").json()["features"]
        assert ("context_bias" in features) == can


def test_words_have_times_and_usage_is_ours(sdk: Sdk) -> None:
    answer = sdk.complete(
        model="voxtral-mini-latest", file=upload(JFK.path), timestamp_granularities=["word"]
    )
    assert answer["text"] == JFK.reference
    assert (answer["model"], answer["language"]) == ("voxtral-mini-latest", "en")
    assert answer["usage"]["prompt_audio_seconds"] == 11
    n_tokens = answer["usage"]["completion_tokens"]
    assert answer["usage"]["total_tokens"] == 4 + n_tokens + 375
    words = answer["segments"]
    assert [word["text"] for word in words] == JFK.reference.split()
    times = [time for word in words for time in (word["start"], word["end"])]
    assert times == sorted(times)
    assert 0 <= times[0] < 1
    assert 9 < times[-1] <= JFK.duration_s


def test_text_streams_through_and_speakers_come_after_it(sdk: Sdk) -> None:
    events = list(sdk.stream(model=MINI, file=upload(JFK.path), diarize=True))
    kinds = [event["event"] for event in events]
    assert kinds[0] == "transcription.language"
    assert kinds.count("transcription.text.delta") >= 20
    deltas = [e["data"]["text"] for e in events if e["event"] == "transcription.text.delta"]
    done = events[-1]["data"]
    assert "".join(deltas) == done["text"] == JFK.reference
    assert {segment["speaker_id"] for segment in done["segments"]} == {"speaker_1"}
    assert " ".join(segment["text"] for segment in done["segments"]) == JFK.reference


def test_whisper_answers_under_its_own_names(client: httpx.Client, stub: VllmStub) -> None:
    n_asked = len(stub.forms)
    for model in ("whisper-1", "whisper-base", "voxtral-mini-2602"):
        answer = post(client, ASK_NOT.path, model=model).json()
        assert normalize_basic(answer["text"]) == ASK_NOT.words
    assert len(stub.forms) == n_asked


def test_a_further_model_comes_with_its_first_use_and_goes(
    client: httpx.Client, server: Server
) -> None:
    assert n_loaded(server) == 0
    answer = post(client, ASK_NOT.path, model="second").json()
    assert normalize_basic(answer["text"]) == ASK_NOT.words
    assert n_loaded(server) == 1
    eventually(lambda: n_loaded(server) == 0)
    assert post(client, ASK_NOT.path, model="whisper-base").is_success


def n_loaded(server: Server) -> float:
    return metrics_of(server)["auricle_models_on_demand"]


def test_the_callers_language_and_temperature_go_on(client: httpx.Client, stub: VllmStub) -> None:
    fields = {"model": MINI, "language": "en", "temperature": "0.3"}
    assert post(client, ASK_NOT.path, **fields).status_code == 200
    form = stub.forms[-1]
    assert (form["language"], form["temperature"]) == (b"en", b"0.3")


@pytest.mark.parametrize(
    ("field", "value"), [("language", "pl"), ("context_bias", "Weissenburg"), ("file_id", "x")]
)
def test_what_it_cannot_do_is_refused_by_name(client: httpx.Client, field: str, value: str) -> None:
    if field == "file_id":
        answer = client.post("/v1/audio/transcriptions", data={"model": MINI, field: value})
    else:
        answer = post(client, ASK_NOT.path, model=MINI, **{field: value})
    assert answer.status_code == 400
    assert answer.json()["param"] == field


def test_an_answer_that_breaks_off_for_good_is_an_error_and_not_an_end(
    sdk: Sdk, stub: VllmStub
) -> None:
    stub.scripts = [break_off(" And", " so")] * 3
    events: list[dict[str, Any]] = []
    with pytest.raises(SdkError):
        events.extend(sdk.stream(model=MINI, file=upload(ASK_NOT.path)))
    text = "".join(event["data"].get("text", "") for event in events[:-1])
    assert text in {"And", "And so"}  # the last word may wait for what follows it
    assert events[-1]["event"] == "error"
    assert stub.scripts == []


def test_a_blocking_caller_is_told_what_went_wrong(client: httpx.Client, stub: VllmStub) -> None:
    stub.scripts = [lambda answer: answer.status(400, "secret")] * 3
    answer = post(client, ASK_NOT.path, model=MINI)
    assert answer.status_code == 502
    assert answer.json()["message"] == (
        f"model {MINI}: the server that runs it gave no usable answer in 3 tries: "
        "it answered with status 400"
    )


def test_whoever_leaves_takes_the_upstreams_work_along(
    client: httpx.Client, stub: VllmStub
) -> None:
    left: list[bool] = []

    def babble(answer: Answer) -> None:
        answer.begin()
        try:
            for n in range(600):
                answer.chunk(f" word{n}")
                stub.released.wait(0.05)
        except OSError:
            left.append(True)

    stub.scripts = [babble]
    with Stream(client, ASK_NOT.path, model=MINI) as stream:
        while (event := stream.read()) is not None and event["type"] != "transcription.text.delta":
            pass
    assert eventually(lambda: left)
