"""The command line's manners: help, arguments that are refused, and an interruption."""

import re
import signal
import subprocess
import sys
from argparse import _SubParsersAction
from collections.abc import Iterator
from pathlib import Path

import pytest

from bc_model import __version__
from bc_model.__main__ import _parser, main
from bc_model.floors import DEFAULT_FLOORS
from tests.bc_model.test_main import run
from tests.conftest import ROOT


def test_help_names_commands_and_defaults() -> None:
    general, of_train = run("--help"), run("train", "--help")
    assert (general.returncode, of_train.returncode) == (0, 0)
    for command in ("train", "evaluate", "predict", "verify"):
        assert f"\n    {command} " in general.stdout
    text = " ".join(of_train.stdout.split())
    for name, value in DEFAULT_FLOORS.items():
        assert f"{name}={value:g}" in text
    assert "default: artifacts" in text
    assert "default: 0.5" in text


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["train", "--floor", "nonsense=1"], "'nonsense' is not one of accuracy, sensitivity"),
        (["train", "--floor", "accuracy"], "argument --floor: invalid"),
        (["train", "--floor", "accuracy=high"], "argument --floor: invalid"),
        *(
            (["train", "--floor", f"sensitivity={value}"], f"{value} is not a possible sensitivity")
            for value in ("2", "-0.1", "nan")
        ),
        (["train", "--floor", "log_loss=-1"], "-1 is not a possible log_loss: 0 to inf"),
        *(
            ([*command, "--threshold", value], f"argument --threshold: {value} is not between")
            for command in (["train"], ["predict", "cases.csv"])
            for value in ("0", "1", "2", "nan")
        ),
        (["train", "--threshold", "half"], "argument --threshold: invalid"),
        *(
            (["train", "--C", value], f"argument --C: {value} is not a positive number")
            for value in ("0", "inf", "nan")
        ),
        *(
            (["train", "--seed", value], f"argument --seed: {value} is not between 0 and")
            for value in ("-1", "4294967296")
        ),
        (["train", "--seed", "1.5"], "argument --seed: invalid"),
        (["evaluate", "--repeats", "1"], "argument --repeats: 1 is less than 2"),
        (["evaluate", "--simulations", "0"], "argument --simulations: 0 is less than 2"),
        (["predict"], "required: FILE"),
        (["forget"], "invalid choice: 'forget'"),
        ([], "required: COMMAND"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_done(
    capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert expected in errors


def test_version() -> None:
    assert run("--version").stdout == f"bc_model {__version__}\n"


@pytest.mark.parametrize("command", ["train", "evaluate", "predict", "verify"])
def test_help_describes_every_argument_and_has_examples(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    parser = _parser()
    with pytest.raises(SystemExit):
        main([command, "--help"])
    text = capsys.readouterr().out
    prefix = f"  python -m bc_model {command}"
    examples = [line for line in text.splitlines() if line.startswith(prefix)]
    assert len(examples) == 2
    for example in examples:
        arguments = re.split(" [<>] ", example.removeprefix("  python -m bc_model "))[0].split()
        assert parser.parse_args(arguments).run
    (commands,) = (each for each in parser._actions if isinstance(each, _SubParsersAction))
    assert all(action.help for action in commands.choices[command]._actions)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let processes be interrupted, which those in the background of a shell may not be."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


@pytest.mark.usefixtures("interruptible")
def test_an_interruption_ends_with_one_line(model_dir: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "bc_model", "predict", "-", "--model", model_dir],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin
        process.stdin.write(b"\n" * 2**20)  # more than a pipe holds: returns when it is read
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate()
    assert (process.returncode, output, errors) == (130, b"", b"interrupted\n")


def test_bad_arguments_end_the_process_with_2() -> None:
    refused = run("train", "--floor", "nonsense=1")
    assert (refused.returncode, refused.stdout) == (2, "")
    (line,) = refused.stderr.splitlines()
    assert line.startswith("python -m bc_model train: argument --floor: 'nonsense' is not one of ")
    assert line.endswith(" (`python -m bc_model train --help` lists the arguments)")
