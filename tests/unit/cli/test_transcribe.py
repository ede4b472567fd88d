"""What `auricle transcribe` refuses."""

import pytest

from auricle.cli import main


@pytest.mark.parametrize(
    "flag", ["--workers", "--engine", "--beam-size", "--condition-on-previous-text"]
)
def test_a_flag_that_a_server_would_not_see_is_refused(
    flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    value = "ctranslate2" if flag == "--engine" else "1"
    status = main(["transcribe", "x.wav", "--server", "http://127.0.0.1:1", flag, value])
    assert status == 2
    assert f"{flag} is the server's own choice" in capsys.readouterr().err


def test_a_server_is_given_no_prompt(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["transcribe", "x.wav", "--server", "http://127.0.0.1:1", "--prompt", "Zoë"])
    assert status == 2
    assert "--prompt: a server's API has no field for it" in capsys.readouterr().err
