"""The polite end of a request whose body nobody wants, with bounds."""

import asyncio

import pytest
from starlette.types import Message, Scope

from auricle.server.exchange import Exchange

START: Message = {"type": "http.response.start", "status": 401, "headers": []}
BODY: Message = {"type": "http.response.body", "body": b"no"}


def scope(*headers: tuple[bytes, bytes]) -> Scope:
    return {"type": "http", "headers": list(headers)}


UPLOAD = scope((b"content-length", b"1000000"))


class Client:
    """Sends these messages, then is silent."""

    def __init__(self, *messages: Message) -> None:
        self._messages = list(messages)
        self.answer: list[Message] = []
        self.n_asked = 0

    async def receive(self) -> Message:
        self.n_asked += 1
        if not self._messages:
            await asyncio.Event().wait()
        return self._messages.pop(0)

    async def send(self, message: Message) -> None:
        self.answer.append(message)

    async def refuse(self, exchange: Exchange) -> None:
        await exchange.send(START)
        await exchange.send(BODY)


def piece(size: int, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": bytes(size), "more_body": more}


async def test_the_answer_leaves_before_the_body_is_discarded() -> None:
    client = Client(piece(10), piece(10, more=False))
    exchange = Exchange(UPLOAD, client.receive, client.send)
    await client.refuse(exchange)
    start, body, end = client.answer
    assert (b"connection", b"close") in start["headers"]
    assert (body["body"], body["more_body"]) == (b"no", True)
    assert (end["body"], end["more_body"]) == (b"", False)
    assert client.n_asked == 2


async def test_discarding_is_bounded_in_bytes() -> None:
    client = Client(*[piece(10)] * 100)
    exchange = Exchange(UPLOAD, client.receive, client.send, discard_bytes=50)
    await client.refuse(exchange)
    assert client.n_asked == 5
    assert client.answer[-1]["more_body"] is False


async def test_discarding_is_bounded_in_time() -> None:
    client = Client(piece(10))
    exchange = Exchange(UPLOAD, client.receive, client.send, discard_s=0.01)
    await client.refuse(exchange)
    assert client.answer[-1]["more_body"] is False


async def test_discarding_ends_with_the_client() -> None:
    client = Client(piece(10), {"type": "http.disconnect"})
    exchange = Exchange(UPLOAD, client.receive, client.send)
    await client.refuse(exchange)
    assert client.n_asked == 2


@pytest.mark.parametrize("headers", [[], [(b"content-length", b"0")]])
async def test_without_a_body_there_is_nothing_to_discard(
    headers: list[tuple[bytes, bytes]],
) -> None:
    client = Client()
    exchange = Exchange(scope(*headers), client.receive, client.send)
    await client.refuse(exchange)
    assert client.answer == [START, BODY]


async def test_a_body_that_was_read_keeps_the_connection() -> None:
    client = Client(piece(10), piece(5, more=False))
    exchange = Exchange(UPLOAD, client.receive, client.send)
    await exchange.receive()
    await exchange.receive()
    await client.refuse(exchange)
    assert client.answer == [START, BODY]
    assert exchange.received_bytes == 15


async def test_a_client_that_was_not_invited_sends_no_body() -> None:
    expecting = scope((b"content-length", b"9"), (b"expect", b"100-Continue"))
    client = Client()
    exchange = Exchange(expecting, client.receive, client.send)
    await client.refuse(exchange)
    assert client.n_asked == 0
    assert (b"connection", b"close") in client.answer[0]["headers"]


async def test_a_departure_counts_only_before_the_answer_is_complete() -> None:
    gone: Message = {"type": "http.disconnect"}
    early = Client(gone)
    exchange = Exchange(scope(), early.receive, early.send)
    await exchange.receive()
    assert exchange.departed
    late = Client(gone)
    exchange = Exchange(scope(), late.receive, late.send)
    await late.refuse(exchange)
    await exchange.receive()
    assert not exchange.departed
