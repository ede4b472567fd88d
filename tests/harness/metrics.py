"""What a server says of itself."""

from harness.server import Server


def metrics_of(server: Server) -> dict[str, float]:
    """The figures of `/metrics` by their names, labels included."""
    with server.client() as client:
        lines = client.get("/metrics").text.splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if line and line[0] != "#")
    return {name: float(value) for name, value in pairs}
