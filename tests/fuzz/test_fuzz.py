"""A few hundred damaged inputs of each parser. `python -m tests.fuzz --inputs 10000` tries more."""

from __future__ import annotations

import json
import random
import subprocess
import warnings
from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.core.errors import DatasetError
from tests.fuzz import __main__ as command
from tests.fuzz import running
from tests.fuzz.parser import Fuzzer, Parser, contents_of, smallest
from tests.fuzz.parsers import PARSERS
from tests.fuzz.running import Result, empty_folder, peak_bytes, run_parser

INPUTS, OF_SLOW = 200, 20  # of each parser
SLOW = [name for name, parser in PARSERS.items() if parser.is_slow]
MOST_BYTES = 2 * 2**30


@pytest.mark.parametrize("name", [name for name in PARSERS if name not in SLOW])
def test_damaged_inputs_give_an_error_of_the_dashboard_or_an_answer(name: str, tmp_path: Path) -> None:
    fuzzer, before = Fuzzer(PARSERS[name], 1), peak_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        contents = contents_of(fuzzer.parser, fuzzer.seeds, tmp_path)
        for number in range(INPUTS):
            with empty_folder(tmp_path, f"input-{number}") as place:
                found = fuzzer.try_input(number, place, contents)
            assert not found.fault, f"input {number}: {found.fault}"
            assert not found.silent, f"input {number} was read with other content, although it has checksums"
    assert peak_bytes() - before < MOST_BYTES


@pytest.mark.parametrize("name", SLOW)
def test_damaged_inputs_of_a_slow_parser(name: str, tmp_path: Path) -> None:
    result = run_parser(name, 1, OF_SLOW, tmp_path)
    assert (result.inputs, result.faults, result.silent) == (OF_SLOW, 0, 0), result.kinds


def _breaks(data: bytes, folder: Path) -> frozenset[str]:
    if b"!" in data:
        raise ZeroDivisionError("division by zero")
    if b"?" in data:
        raise DatasetError("It is refused.", "Give another.")
    return frozenset({data.hex()})


def _exclaim(rng: random.Random, data: bytes) -> bytes:
    return data + b"!" if rng.random() < 0.5 else data + b"?"


def test_a_parser_that_breaks_is_found_and_its_input_made_small(tmp_path: Path) -> None:
    parser = Parser("broken", lambda: [b"some long input"], _breaks, (_exclaim,) * 20)
    fuzzer = Fuzzer(parser, 0)
    found = [fuzzer.try_input(number, tmp_path, frozenset()) for number in range(50)]
    faults = {each.fault for each in found} - {""}
    assert faults and all(fault.startswith("ZeroDivisionError in ") for fault in faults)
    assert any(not each.fault and not each.accepted for each in found)
    assert smallest(parser, b"some long! input", faults.pop(), tmp_path / "smaller") == b"!"


def test_damage_that_a_checksum_should_tell_is_called_silent(tmp_path: Path) -> None:
    blind = Parser(
        "blind", lambda: [b"aaaa"], lambda data, folder: frozenset({data.hex()}), covered=lambda seed: (0, len(seed))
    )
    fuzzer = Fuzzer(blind, 0)
    contents = contents_of(blind, fuzzer.seeds, tmp_path)
    assert any(fuzzer.try_input(number, tmp_path, contents).silent for number in range(50))


def test_a_process_of_its_own_tells_the_numbers(tmp_path: Path) -> None:
    result = run_parser("bmp", 0, 30, tmp_path)
    assert (result.inputs, result.faults, result.silent) == (30, 0, 0)
    assert 0 < result.slowest_s < 20 and 20 < result.peak_mb < 2000


@pytest.mark.parametrize(
    ("shell", "is_killed"), [("sleep 2; echo begun > $0", False), ("echo begun > $0; exec sleep 60", True)]
)
def test_only_an_input_may_not_take_long_but_beginning_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: str, is_killed: bool
) -> None:
    monkeypatch.setattr(running, "SLOWEST_S", 0.5)
    monkeypatch.setattr(running, "_GRACE_S", 0.5)
    progress, log = tmp_path / "progress", tmp_path / "log"
    progress.write_text("0")
    log.touch()
    with subprocess.Popen(["sh", "-c", shell, str(log)]) as child:
        assert running._wait(child, progress, log) == is_killed


def test_the_command_prints_the_table_as_json_and_fails_if_there_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--inputs", "20", "--parser", "bmp", "--json", "--keep", str(tmp_path)]
    assert command.main(given) == 0
    [record] = json.loads(capsys.readouterr().out)["parsers"]
    assert {*record} == {"name", "inputs", "faults", "silent", "slowest_s", "peak_mb"}
    assert (record["name"], record["inputs"], record["faults"]) == ("bmp", 20, 0)

    def one_fault(name: str, seed: int, inputs: int, kept: Path) -> Result:
        return replace(run_parser(name, seed, inputs, kept), faults=1, kinds={"ValueError": 1})

    monkeypatch.setattr(command, "run_parser", one_fault)
    assert command.main(given) == 1
    assert "bmp: 1 x ValueError" in capsys.readouterr().err
