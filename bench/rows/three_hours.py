"""Three hours of speech in one request, against the time-out of the official SDKs."""

from dataclasses import replace

from speech import hours_of_speech
from stage import Stage, series
from verdict import Aim, Verdict, hold

DURATION_S = 3 * 3600 - 1
"""The longest recording that Auricle accepts by default, less a second."""
SDK_TIMEOUT_S = 300


def measure_with_speakers(stage: Stage) -> list[Verdict]:
    """The same with `diarize`."""
    return measure(stage, diarize=True)


def measure(stage: Stage, *, diarize: bool = False) -> list[Verdict]:
    """Once for each Auricle, whatever the number of rounds."""
    name = "three-hours-speakers" if diarize else "three-hours"
    hours, n_passes = hours_of_speech(stage.speech.long, DURATION_S, stage.speech.folder)
    row = (
        f"one request of {hours.duration_s / 3600:.2f} h{', speakers' if diarize else ''}, s "
        f"({len(stage.speech.long)} recordings, {n_passes} passes in changing order)"
    )
    verdicts = []
    for auricle in stage.auricles:
        system = replace(auricle.system(), diarize=diarize)
        measured = [stage.record(name, system.name, hours, 0, system.transcribe(hours))]
        taken = series(measured, system.name, lambda ms: ms[0].answer.wall_s)
        aim = Aim(SDK_TIMEOUT_S, "s", at_least=False)
        verdicts.append(hold(row, taken, aim, "the SDKs' time-out"))
    return verdicts
