"""Measure servers, and write docs/benchmark.md: `python -m bench`, or `python -m bench onnx`."""

import argparse
import sys

from bc_model.evaluation import markdown_table
from bench.growth import measure as measure_growth
from bench.measure import measure
from bench.own import measure as measure_own
from bench.report import HEAD, row, write
from bench.servers import LIMIT, OURS, PEERS, install
from bench.steps import measure as measure_steps


def main() -> None:
    """Measure all servers and write the page; or measure some, and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peers", nargs="*", metavar="PEER", help=", ".join(PEERS))
    parser.add_argument("--rounds", type=int, default=7, help="(default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=3, help="of each (default: %(default)s)")
    options = parser.parse_args()
    if unknown := set(options.peers) - set(PEERS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(PEERS)}")
    chosen = [OURS, *options.peers] if options.peers else list(PEERS)
    for peer in {LIMIT, *chosen}:
        install(peer)
    results = {}
    for peer in chosen:
        print(f"measuring {peer}", file=sys.stderr, flush=True)
        results[peer] = measure(peer, options.rounds, options.seconds)
        print(markdown_table(HEAD, row(peer, results[peer])).splitlines()[-1], flush=True)
    if not options.peers:
        print("measuring batches and pages", file=sys.stderr, flush=True)
        own, steps, growth = measure_own(), measure_steps(), measure_growth()
        write(results, own, steps, growth, options.rounds, options.seconds)


if __name__ == "__main__":
    main()
