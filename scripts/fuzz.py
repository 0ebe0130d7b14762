"""Fuzz each decoder with inputs that libFuzzer derives from valid ones, and print a table.

An input may be refused, by the error that is there for it. Anything else ends the run: another
error, a case that makes no sense, two seconds, a gigabyte. The input is then kept in .cache/fuzz,
and ``python -m scripts.fuzz --only DECODER FILE`` tries it again.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import atheris

from scripts.running import ROOT

LONGEST_SECONDS, MOST_MEGABYTES, LONGEST_INPUT = 2, 1024, 2**15
KEPT = ROOT / ".cache" / "fuzz"


def fuzz(model: Path, name: str, options: list[str]) -> None:
    """Fuzz one decoder in this process, which libFuzzer ends."""
    with atheris.instrument_imports(include=["bc_model", "web"]):
        from scripts.fuzz_targets import Decoders, accepts

    with tempfile.TemporaryDirectory() as directory:
        target = Decoders(model, Path(directory)).targets()[name]
        seeds = Path(directory, "seeds")
        seeds.mkdir()
        for number, seed in enumerate(target.seeds):
            (seeds / str(number)).write_bytes(seed)
        inputs = [] if any(not option.startswith("-") for option in options) else [str(seeds)]
        atheris.Setup([sys.argv[0], *options, *inputs], lambda data: accepts(target, data))
        atheris.Fuzz()


def measure(model: Path, name: str, runs: int, seed: int) -> list[str]:
    """Fuzz one decoder in a process of its own, and return its row of the table.

    Raises:
        RuntimeError: an input was found that must not be.
    """
    KEPT.mkdir(parents=True, exist_ok=True)
    options = [
        f"-runs={runs}", f"-seed={seed}", f"-max_len={LONGEST_INPUT}",
        f"-timeout={LONGEST_SECONDS}", f"-rss_limit_mb={MOST_MEGABYTES}",
        f"-artifact_prefix={KEPT}/", "-print_final_stats=1",
    ]  # fmt: skip
    command = [sys.executable, "-m", "scripts.fuzz", f"--model={model}", f"--only={name}", *options]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    found = dict(re.findall(r"^stat::(\w+): +(\d+)$", process.stderr, re.MULTILINE))
    if process.returncode or int(found["number_of_executed_units"]) < runs:
        raise RuntimeError(f"{name}:\n{process.stdout[-2000:]}\n{process.stderr[-4000:]}")
    figures = ("number_of_executed_units", "new_units_added", "peak_rss_mb")
    return [name, *(f"{int(found[figure]):,}" for figure in figures)]


HEAD = ["decoder", "inputs", "that reached new code", "memory, MB"]


def main() -> None:
    """Fuzz each decoder, and print the table; or only one, as libFuzzer does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=ROOT / "artifacts/current", metavar="DIR")
    parser.add_argument("--runs", type=int, default=100_000, help="of each (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of chance (default: %(default)s)")
    parser.add_argument("--only", metavar="DECODER", help="further arguments are libFuzzer's")
    options, others = parser.parse_known_args()
    if options.only:
        fuzz(options.model, options.only, others)
        return
    # Not before: what is imported already is not instrumented.
    from bc_model.evaluation import markdown_table
    from scripts.fuzz_targets import Decoders

    with tempfile.TemporaryDirectory() as directory:
        names = list(Decoders(options.model, Path(directory)).targets())
    rows = []
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        rows.append(measure(options.model, name, options.runs, options.seed))
    print(markdown_table(HEAD, *rows))


if __name__ == "__main__":
    main()
