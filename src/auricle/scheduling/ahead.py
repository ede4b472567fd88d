"""The process of the usual engine, begun before it is known what it is to load.

What it imports takes as long as what the server imports itself; so both do it at once. Nothing
here takes time to import.
"""

from auricle import forking
from auricle.engines.environments import environment_of
from auricle.forking import ForkServer

MODULE = "auricle.scheduling.worker_process"
ENGINE = "openvino"


async def start_ahead() -> ForkServer | None:
    """Begin; None where processes are not copied. The caller is to `kill` it or hand it on."""
    if not forking.IS_POSSIBLE:
        return None
    return await ForkServer.start(MODULE, env=environment_of(ENGINE, n_threads=1))
