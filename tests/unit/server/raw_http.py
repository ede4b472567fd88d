"""HTTP by hand: what clients' libraries hide."""

import asyncio
from collections.abc import Iterable
from urllib.parse import urlsplit

BOUNDARY = "b0undary"


def form(fields: Iterable[tuple[str, str]], file: bytes | None = b"RIFFsomething") -> bytes:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields
    ]
    if file is not None:
        parts.append(
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n'
            "\r\n".encode()
            + file
            + b"\r\n"
        )
    return b"".join([*parts, f"--{BOUNDARY}--\r\n".encode()])


def head(path: str, content_length: int, *extra: str) -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}",
        f"Content-Length: {content_length}",
        *extra,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(url)
    return await asyncio.open_connection(parts.hostname, parts.port)


async def exchange(url: str, request: bytes) -> bytes:
    """Send bytes, and read until the server closes."""
    reader, writer = await connect(url)
    writer.write(request)
    await writer.drain()
    try:
        return await reader.read()
    finally:
        writer.close()
