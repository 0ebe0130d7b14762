"""Run the commands of Markdown files and compare what they print with what these show.

Every ``console`` block is run, in order, in the current directory: a line that starts with ``$ ``
is a command, the lines below it are what it prints. ``...`` stands for anything, white space
counts as white space. A command has to succeed, unless its block shows ``[exit N]`` at the end of
its output. What a command prints is shown while it runs.
"""

import doctest
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
EXIT = re.compile(r"^\[exit (\d+)\]\n?\Z", re.MULTILINE)
ANSI = re.compile(r"\x1b\[[0-9;]*m")


class Step(NamedTuple):
    """A command, what it is to print, and the status it is to end with."""

    command: str
    output: str
    status: int


def steps(text: str) -> Iterator[Step]:
    """Yield the commands in the ``console`` blocks of ``text``."""
    for block in BLOCK.findall(text):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            status = EXIT.search(output)
            yield Step(command, EXIT.sub("", output), int(status[1]) if status else 0)


def run(command: str) -> tuple[str, int]:
    """Run ``command`` with the shell, showing and returning what it prints, and its status."""
    with subprocess.Popen(
        ["/bin/bash", "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        lines = []
        for line in process.stdout or ():
            print(line, end="", flush=True)
            lines.append(ANSI.sub("", line))
    return "".join(lines), process.returncode


def check(name: str) -> None:
    """Run the file called ``name``."""
    checker = doctest.OutputChecker()
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    for step in steps(Path(name).read_text(encoding="utf-8")):
        print(f"\n$ {step.command}", flush=True)
        output, status = run(step.command)
        if status != step.status:
            sys.exit(f"ended with {status}, {name} says {step.status}: {step.command}")
        if not checker.check_output(step.output, output, options):
            sys.exit(f"{name} shows something else:\n{step.output}")


def main() -> None:
    """Run the files named on the command line."""
    for name in sys.argv[1:]:
        check(name)


if __name__ == "__main__":
    main()
