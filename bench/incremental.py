#!/usr/bin/env python3
"""Measures what a run costs that takes in what is new, beside a full run.

usage: incremental.py [--factor N] [--work DIR] [--stedi PROGRAM]

Needs ../shared (scale.py and the reference data). Lays all but the last
hundredth of N times the reference data, builds a lake, and lets something
happen to it; each time a full run over the same files goes into a fresh lake,
and the two must come out equal. CPU time is user and system together.
"""
import argparse
import glob
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

from compare import ROOT, SHARED, landing_of, measured

KINDS = ("customer", "accelerometer", "step_trainer")
SHIFT_MS = 1_000_000_000_000


def lay(landing, base, new):
    """Divides each source: all but its last hundredth into `base`, that into `new`."""
    for kind in KINDS:
        files = sorted(glob.glob(f"{landing}/{kind}/landing/*.json"))
        total = sum(sum(1 for _ in open(file, "rb")) for file in files)
        left = total - total // 100
        for folder in (base, new):
            (folder / kind / "landing").mkdir(parents=True)
        with open(new / kind / "landing" / "new.json", "wb") as rest:
            for file in files:
                with open(base / kind / "landing" / pathlib.Path(file).name, "wb") as kept:
                    for line in open(file, "rb"):
                        (kept if left > 0 else rest).write(line)
                        left -= 1
        for file in (base / kind / "landing").iterdir():
            if file.stat().st_size == 0:
                file.unlink()


def later(live):
    """The first hundredth of all phones' and trainers' readings once more, taken later."""
    for kind, field in (("accelerometer", "timestamp"), ("step_trainer", "sensorReadingTime")):
        files = sorted((live / kind / "landing").glob(f"{kind}-*.json"))
        total = sum(sum(1 for _ in open(file, "rb")) for file in files)
        pattern = re.compile(rf'"{field}":\s*(\d+)')
        with open(files[0]) as source, open(live / kind / "landing" / "later.json", "w") as out:
            for _, line in zip(range(total // 100), source):
                out.write(pattern.sub(lambda m: f'"{field}":{int(m[1]) + SHIFT_MS}', line))


def contents(lake):
    """What the newest version of each table holds, by its content fingerprint."""
    found = {}
    for zone in ("trusted", "curated"):
        for table in (lake / zone).iterdir():
            newest = max((table / "_delta_log").glob("*.json"))
            info = json.loads(open(newest).readline())
            found[table.name] = info["commitInfo"]["stedi"]["content"]
    return found


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--factor", type=int, default=100)
    options.add_argument("--work", default="/tmp/stedi-bench")
    options.add_argument("--stedi", default=str(ROOT / "target/release/stedi"))
    options = options.parse_args()
    os.environ["STEDI_KEY"] = "5" * 64
    work = pathlib.Path(options.work)
    landing = landing_of(work, options.factor)
    place = work / "incremental"
    shutil.rmtree(place, ignore_errors=True)
    live, new, lake = place / "landing", place / "new", place / "lake"
    lay(landing, live, new)

    def run(lake, *more):
        return measured([options.stedi, "run", "--quiet", "--landing", live, "--lake", lake, *more], place / "log")

    def fresh():
        # What was entered by hand is part of what the run goes by.
        other = place / "fresh"
        shutil.rmtree(other, ignore_errors=True)
        if (lake / "system/consent_register").exists():
            shutil.copytree(lake / "system/consent_register", other / "system/consent_register")
        return run(other, "--full"), contents(other)

    def arrive():
        for kind in KINDS:
            shutil.copy(new / kind / "landing" / "new.json", live / kind / "landing" / "new.json")

    def withdraw():
        query = "select email from customer_trusted order by email limit 1"
        command = [options.stedi, "sql", "--format", "csv", "--landing", live, "--lake", lake, "-c", query]
        email = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
        command = [options.stedi, "consent", "withdraw", "--landing", live, "--lake", lake]
        subprocess.run(command, check=True, input=email, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    run(lake)
    print(f"factor {options.factor}\n\n| | wall s | CPU s | of a full run's CPU | peak MB |\n|---|---|---|---|---|")
    for name, happens in (
        ("nothing new", lambda: None),
        ("1 % more people with their readings", arrive),
        ("one person withdraws", withdraw),
        ("1 % more readings of people who are there", lambda: later(live)),
    ):
        happens()
        wall, cpu, peak = run(lake)
        (full_wall, full_cpu, full_peak), expected = fresh()
        if contents(lake) != expected:
            sys.exit(f"{name}: the lake is not what a full run makes")
        print(f"| {name} | {wall:.2f} | {cpu:.2f} | {cpu / full_cpu:.1%} | {peak / 1e6:.0f} |")
        print(f"| a full run then | {full_wall:.2f} | {full_cpu:.2f} | 100 % | {full_peak / 1e6:.0f} |", flush=True)
    shutil.rmtree(place)


if __name__ == "__main__":
    main()
