"""SDKs in all their styles, bound to the running server."""

from collections.abc import Callable, Iterator

import pytest

from contract.sdk import KINDS, Driver, Sdk, SdkKind
from harness.media_host import MediaHost
from harness.server import Server


@pytest.fixture(scope="session")
def driver_of() -> Iterator[Callable[[SdkKind], Driver]]:
    """Starts each SDK's driver once."""
    drivers: dict[tuple[str, ...], Driver] = {}

    def find(kind: SdkKind) -> Driver:
        if kind.command not in drivers:
            drivers[kind.command] = Driver(kind.command)
        return drivers[kind.command]

    yield find
    for driver in drivers.values():
        driver.close()


@pytest.fixture(
    params=[pytest.param(k, id=k.name, marks=pytest.mark.needs(*k.tools)) for k in KINDS]
)
def kind(request: pytest.FixtureRequest) -> SdkKind:
    """Every SDK, in every style."""
    found: SdkKind = request.param
    return found


@pytest.fixture
def driver(kind: SdkKind, driver_of: Callable[[SdkKind], Driver]) -> Driver:
    """The process that makes this SDK's calls."""
    return driver_of(kind)


@pytest.fixture
def sdk(kind: SdkKind, driver: Driver, server: Server) -> Sdk:
    """The SDK, bound to the session's server."""
    return Sdk(driver, kind.style, server.url)


@pytest.fixture(scope="session")
def media_host() -> Iterator[MediaHost]:
    """Somewhere to fetch clips from."""
    host = MediaHost()
    yield host
    host.close()
