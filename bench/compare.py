#!/usr/bin/env python3
"""Measures `stedi run --full` beside its peers on the same data, in one run.

usage: compare.py [--factor N] [--repeat R] [--work DIR] [--stedi PROGRAM] [--skip NAME ...]

Needs ../shared (scale.py, the peers, the reference data) and a Python with
duckdb and polars. Every contestant runs R times, in turns, each into a fresh
folder; the fastest of its runs counts. Wall time, CPU time (user and system,
with children) and peak memory are the operating system's figures.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
FIVE = ["customer_trusted", "accelerometer_trusted", "customer_curated", "step_trainer_trusted", "machine_learning_curated"]


def measured(command, log):
    """Runs a command to its end: wall seconds, CPU seconds, peak bytes."""
    started = time.monotonic()
    with open(log, "w") as out:
        process = subprocess.Popen([str(part) for part in command], stdout=out, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    if status != 0:
        sys.exit(f"{command[0]} failed; see {log}\n{pathlib.Path(log).read_text()[-2000:]}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def landing_of(work, factor):
    """The reference data so many times, made once."""
    if not SHARED.is_dir():
        sys.exit(f"{SHARED} is missing: the peers and the reference data are there")
    landing = work / f"landing-{factor}"
    if not landing.exists():
        print(f"making {landing} ...", file=sys.stderr)
        making = landing.with_suffix(".making")
        shutil.rmtree(making, ignore_errors=True)
        subprocess.run([sys.executable, SHARED / "bench/scale.py", SHARED / "data/stedi", making, str(factor)], check=True)
        making.rename(landing)
    return landing


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--factor", type=int, default=100)
    options.add_argument("--repeat", type=int, default=3)
    options.add_argument("--work", default="/tmp/stedi-bench")
    options.add_argument("--stedi", default=str(ROOT / "target/release/stedi"))
    options.add_argument("--skip", nargs="*", default=[])
    options = options.parse_args()
    work = pathlib.Path(options.work)
    landing = landing_of(work, options.factor)

    stedi = [options.stedi, "run", "--full", "--quiet", "--landing", landing, "--lake"]
    contestants = {
        "stedi, five tables": lambda out: [*stedi, out, "--select", *FIVE],
        "stedi, whole run": lambda out: [*stedi, out],
        "duckdb": lambda out: [sys.executable, SHARED / "bench/duckdb_peer.py", landing, out],
        "polars": lambda out: [sys.executable, SHARED / "bench/polars_peer.py", landing, out],
        "pyspark": lambda out: [sys.executable, SHARED / "bench/spark_peer.py", landing, out],
    }
    for name in options.skip:
        contestants.pop(name)
    results = {name: [] for name in contestants}
    for turn in range(options.repeat):
        for name, command in contestants.items():
            out = work / "out"
            shutil.rmtree(out, ignore_errors=True)
            results[name].append(measured(command(out), work / "log"))
            print(f"{name:20} turn {turn + 1}: {results[name][-1][0]:.2f} s", file=sys.stderr)
            shutil.rmtree(out, ignore_errors=True)

    best = {name: tuple(min(run[i] for run in runs) for i in range(3)) for name, runs in results.items()}
    peers = [best[name] for name in ("duckdb", "polars") if name in best]
    print(f"\nfactor {options.factor}, best of {options.repeat}; ratios to the better of DuckDB and Polars in each column\n")
    print("| | wall s | ratio | CPU s | ratio | peak MB | ratio |")
    print("|---|---|---|---|---|---|---|")
    for name, figures in best.items():
        cells = []
        for position, (figure, scale, digits) in enumerate(zip(figures, (1, 1, 1e6), (2, 2, 0))):
            reference = min(peer[position] for peer in peers) if peers else figure
            cells.append(f"{figure / scale:.{digits}f} | {figure / reference:.2f}")
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
