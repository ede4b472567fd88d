"""From the start of the process to the first 200 of `/health/ready`, caches warm."""

from server_process import running_server
from stage import Stage, rotated
from verdict import Aim, Series, Verdict, hold

ROW = "cold start to ready, s"


def measure(stage: Stage) -> list[Verdict]:
    """A further server is started and stopped; that of the bench has filled the caches."""
    times: dict[str, list[float]] = {auricle.name: [] for auricle in stage.auricles}
    for n in range(stage.rounds):
        for auricle in rotated(stage.auricles, n):
            with running_server(None, auricle.settings) as server:
                times[auricle.name].append(server.start_s)
    aim = Aim(3, "s", at_least=False)
    return [hold(ROW, Series(name, values), aim) for name, values in times.items()]
