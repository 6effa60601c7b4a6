"""How long it takes from a message that a broker gets to its row in SQL.

usage: [REST_SECONDS=60] latency.py STEDI LANDING RATE [SECONDS] [WATCH OPTIONS...]

Starts mosquitto, `stedi listen` and `stedi watch` over a copy of LANDING (links to its
files), plays `stedi sample --stream` at RATE messages a second, and prints one line of
JSON: latencies of readings of phones that belong into `accelerometer_trusted`, and the
share of a core that the watch takes at rest.

A reading's own time is the moment at which it was sent. The k-th of them by time is
visible with the first release whose table has k rows more than before; a release is
visible before the watch prints its line, so latencies are upper bounds. Standard library
only.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime

TABLE = "accelerometer_trusted"
REST_SECONDS = int(os.environ.get("REST_SECONDS", 60))


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def link_files(source, to):
    """Links the files of a landing folder, so that nothing is copied."""
    for folder, _, names in os.walk(source):
        below = os.path.join(to, os.path.relpath(folder, source))
        os.makedirs(below, exist_ok=True)
        for name in names:
            os.symlink(os.path.abspath(os.path.join(folder, name)), os.path.join(below, name))


def wait_for(what, is_there, seconds=600):
    until = time.time() + seconds
    while not is_there():
        if time.time() > until:
            sys.exit(f"{what}: not within {seconds} s")
        time.sleep(0.05)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Work:
    """A folder, the processes that were started in it, and what the watch said."""

    def __init__(self, stedi, landing):
        self.stedi, self.dir = os.path.abspath(stedi), tempfile.mkdtemp(prefix="stedi-latency-")
        self.children, self.runs = [], []
        link_files(landing, os.path.join(self.dir, "landing"))
        self.environment = {**os.environ, "HOME": self.dir}

    def start(self, name, words, **more):
        log = open(os.path.join(self.dir, f"{name}.log"), "w")
        more.setdefault("stdout", subprocess.DEVNULL)
        child = subprocess.Popen(
            words, cwd=self.dir, env=self.environment, stderr=log, text=True, **more
        )
        self.children.append(child)
        return child

    def log(self, name):
        with open(os.path.join(self.dir, f"{name}.log")) as log:
            return log.read()

    def start_broker(self):
        port = free_port()
        with open(os.path.join(self.dir, "broker"), "w") as settings:
            settings.write(
                f"listener {port} 127.0.0.1\nallow_anonymous true\n"
                "max_inflight_messages 2000\nmax_queued_messages 0\n"
            )
        self.start("mosquitto", ["mosquitto", "-c", "broker"])
        return port

    def start_watch(self, options):
        words = [self.stedi, "watch", "--format", "ndjson", *options]
        watch = self.start("watch", words, stdout=subprocess.PIPE)

        def read():
            for line in watch.stdout:
                self.runs.append(json.loads(line))

        threading.Thread(target=read, daemon=True).start()
        return watch

    def rows(self):
        published = [run for run in self.runs if run["rows"].get(TABLE) is not None]
        return published[-1]["rows"][TABLE] if published else None

    def sql(self, statement):
        words = [self.stedi, "sql", "--format", "json", "-c", statement]
        return json.loads(
            subprocess.run(
                words, cwd=self.dir, env=self.environment, check=True, capture_output=True
            ).stdout
        )

    def end(self):
        for child in reversed(self.children):
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
                child.wait()
        shutil.rmtree(self.dir)


def at_ms(run):
    return datetime.fromisoformat(run["time"].replace("Z", "+00:00")).timestamp() * 1000


def latencies(sent_ms, before, runs):
    """Milliseconds for each reading, in order of time."""
    found, at = [], 0
    for run in runs:
        rows = (run["rows"].get(TABLE) or 0) - before
        while at < min(rows, len(sent_ms)):
            found.append(at_ms(run) - sent_ms[at])
            at += 1
    return found


def measure(work, rate, seconds, options):
    port = work.start_broker()
    watch = work.start_watch(options)
    wait_for("the first run", lambda: work.rows() is not None)
    before, first = work.rows(), len(work.runs)
    work.start("listen", [work.stedi, "listen", "--mqtt", f"127.0.0.1:{port}", "--mqtt-version", "5"])
    wait_for("the listener", lambda: '"connected"' in work.log("listen"))
    began_ms = time.time() * 1000
    sample = [
        work.stedi, "sample", "--stream", f"mqtt://127.0.0.1:{port}", "--rate", str(rate),
        "--devices", "1000", "--seconds", str(seconds), "--format", "json",
    ]
    played = subprocess.run(
        sample, cwd=work.dir, env=work.environment, check=True, capture_output=True
    )
    truth = json.loads(played.stdout)
    expected = truth["accelerometer_agreed"]
    wait_for("the last rows", lambda: work.rows() == before + expected)
    statement = f"select timestamp as t from {TABLE} where timestamp >= {began_ms:.0f} order by 1"
    sent_ms = [row["t"] for row in work.sql(statement)]
    found = sorted(latencies(sent_ms, before, work.runs[first:]))
    time.sleep(5)
    used, began = cpu_seconds(watch.pid), time.time()
    time.sleep(REST_SECONDS)
    resting = (cpu_seconds(watch.pid) - used) / (time.time() - began)
    anew = sum("built everything anew" in (run["how"] or "") for run in work.runs[first:])
    return {
        "rate": rate,
        "seconds": seconds,
        "rows_before": before,
        "readings": len(found),
        "expected": expected,
        "p50_s": round(found[len(found) // 2] / 1000, 2),
        "p99_s": round(found[len(found) * 99 // 100] / 1000, 2),
        "max_s": round(found[-1] / 1000, 2),
        "runs": len(work.runs) - first,
        "run_s": round(sum(run["seconds"] for run in work.runs[first:]) / (len(work.runs) - first), 2),
        "built_anew": anew,
        "watch_at_rest_percent": round(100 * resting, 2),
    }


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    stedi, landing, rate = sys.argv[1], sys.argv[2], int(sys.argv[3])
    seconds = int(sys.argv[4]) if len(sys.argv) > 4 else 60
    work = Work(stedi, landing)
    try:
        options = sys.argv[5:] or ["--every", "1", "--at-least", "1"]
        print(json.dumps(measure(work, rate, seconds, options)), flush=True)
    finally:
        work.end()


if __name__ == "__main__":
    main()
