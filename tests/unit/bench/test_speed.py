import argparse

import pytest

import speed
from rows import ROWS


def test_rows_are_measured_in_the_order_of_the_table() -> None:
    assert speed.parse_rows("latency,long") == ["long", "latency"]
    assert speed.parse_rows(",".join(sorted(ROWS))) == list(ROWS)
    with pytest.raises(argparse.ArgumentTypeError, match="unknown: fast; there are long"):
        speed.parse_rows("long,fast")


def test_each_setting_is_a_server_of_its_own() -> None:
    options = speed.parse_arguments(
        ["--setting", "AURICLE_ENGINE=openvino AURICLE_BEAM_SIZE=1", "--setting", "AURICLE_X='a b'"]
    )
    assert options.setting == [
        {"AURICLE_ENGINE": "openvino", "AURICLE_BEAM_SIZE": "1"},
        {"AURICLE_X": "a b"},
    ]
    assert speed.name_of(options.setting[0]) == "Auricle engine=openvino beam_size=1"
    assert speed.name_of({}) == "Auricle"


@pytest.mark.parametrize("text", ["BEAM_SIZE=1", "AURICLE_BEAM_SIZE", "1"])
def test_a_setting_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="AURICLE_NAME=VALUE"):
        speed.parse_setting(text)
