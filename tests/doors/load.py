"""Many clients at all doors of a lake while runs publish:
`load.py PATH/TO/stedi [--clients N] [--seconds S] [--customers N]`.

Each client asks for three counts in one statement, again and again. The counts of an answer
must be those of one release. Prints how long answers took by door, how many releases there
were, and how much memory the server used at most. Exits with 1 for a wrong count, for an
error that is no limit, and if nothing was asked or published.
"""

import argparse
import collections
import http.client
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import adbc_driver_flightsql.dbapi as flightsql
import psycopg

COUNTS = (
    "select (select count(*) from customer_trusted) as people,"
    " (select count(*) from accelerometer_trusted) as readings,"
    " (select count(*) from machine_learning_curated) as pairs"
)

# What a server that is asked too much may say.
LIMITS = ("too many statements wait", "other statements took all the time", "try again later")


def by_api(door, ask_until):
    host, port = door.rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=120)
    headers = {"content-type": "application/json"}

    def ask():
        body = json.dumps({"sql": COUNTS, "wait_ms": 60_000})
        connection.request("POST", "/api/v1/queries", body, headers)
        query = json.loads(connection.getresponse().read())
        if "id" not in query:
            raise RuntimeError(query["message"])
        connection.request("GET", f"/api/v1/queries/{query['id']}/rows?offset=0")
        answer = json.loads(connection.getresponse().read())
        if "rows" not in answer:
            raise RuntimeError(answer["message"])
        return answer["rows"][0]

    ask_until(ask)


def by_page(door, ask_until):
    host, port = door.rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=120)

    def ask():
        connection.request("GET", "/")
        answer = connection.getresponse()
        page = answer.read()
        if answer.status != 200 or b"customer_trusted" not in page:
            raise RuntimeError(f"the first page: {answer.status}")
        return None

    ask_until(ask)


def by_postgres(door, ask_until):
    host, port = door.rsplit(":", 1)
    with psycopg.connect(host=host, port=port, user="local", dbname="stedi") as connection:
        ask_until(lambda: connection.execute(COUNTS).fetchone())


def by_flight(door, ask_until):
    with flightsql.connect(f"grpc+tcp://{door}", autocommit=True) as connection:

        def ask():
            with connection.cursor() as cursor:
                cursor.execute(COUNTS)
                return cursor.fetchone()

        ask_until(ask)


class Load:
    """Clients, and what they were answered."""

    def __init__(self, seconds):
        self.end = time.monotonic() + seconds
        self.lock = threading.Lock()
        self.times = collections.defaultdict(list)
        self.answers = collections.Counter()
        self.limits = 0
        self.errors = []

    def client(self, name, door, of_door):
        def ask_until(ask):
            while time.monotonic() < self.end:
                began = time.monotonic()
                try:
                    answer = ask()
                except Exception as error:
                    if not any(limit in str(error) for limit in LIMITS):
                        raise
                    with self.lock:
                        self.limits += 1
                    time.sleep(0.1)
                    continue
                took = time.monotonic() - began
                with self.lock:
                    self.times[name].append(took)
                    if answer is not None:
                        self.answers[tuple(int(count) for count in answer)] += 1

        try:
            of_door(door, ask_until)
        except Exception as error:
            with self.lock:
                self.errors.append(f"{name}: {error}")


def stedi(binary, *arguments):
    return subprocess.run([binary, *arguments], check=True, capture_output=True, text=True).stdout


def counts_now(binary, places):
    rows = json.loads(stedi(binary, "sql", *places, "--format", "json", "-c", COUNTS))
    return tuple(rows[0].values())


def publish(binary, work, places, load, releases):
    """Adds people and their readings, runs, and notes the counts of each release."""
    seed = 2
    while time.monotonic() < load.end:
        more = work / "more"
        stedi(binary, "sample", str(more), "--customers", "12", "--seed", str(seed))
        for kind in ("customer", "accelerometer", "step_trainer"):
            for number, file in enumerate(sorted((more / kind / "landing").iterdir())):
                shutil.copy(file, work / "landing" / kind / "landing" / f"{seed}-{number}.json")
        shutil.rmtree(more)
        stedi(binary, "run", *places)
        releases.append(counts_now(binary, places))
        seed += 1


def memory_of(pid):
    """The most memory that a process has used, in MB."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


def served(binary, work, places):
    doors = ("--http", "--pg", "--flight")
    addresses = [part for door in doors for part in (door, "127.0.0.1:0")]
    process = subprocess.Popen([binary, "serve", *places, *addresses], stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    told = [process.stdout.readline().strip().split("://")[1].split("/")[0] for _ in doors]
    return process, told


def percentile(times, share):
    times = sorted(times)
    return times[min(len(times) - 1, int(len(times) * share))] * 1000


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--customers", type=int, default=956)
    asked = parser.parse_args()
    binary = os.path.realpath(asked.binary)
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        os.environ["HOME"] = folder
        places = ("--landing", str(work / "landing"), "--lake", str(work / "lake"))
        stedi(binary, "sample", str(work / "landing"), "--customers", str(asked.customers))
        stedi(binary, "run", *places)
        releases = [counts_now(binary, places)]
        server, (http_door, postgres_door, flight_door) = served(binary, work, places)
        try:
            doors = [
                ("page", http_door, by_page),
                ("api", http_door, by_api),
                ("postgres", postgres_door, by_postgres),
                ("flight", flight_door, by_flight),
            ]
            load = Load(asked.seconds)
            clients = [
                threading.Thread(target=load.client, args=doors[number % len(doors)])
                for number in range(asked.clients)
            ]
            publisher = threading.Thread(target=publish, args=(binary, work, places, load, releases))
            for thread in [*clients, publisher]:
                thread.start()
            for thread in [*clients, publisher]:
                thread.join()
            memory = memory_of(server.pid)
        finally:
            server.terminate()
            began = time.monotonic()
            server.wait(timeout=10)
            ended = time.monotonic() - began
    for name, times in sorted(load.times.items()):
        print(
            f"{name:9} {len(times):7} answers, p50 {percentile(times, 0.5):7.1f} ms,"
            f" p99 {percentile(times, 0.99):7.1f} ms"
        )
    wrong = {answer: count for answer, count in load.answers.items() if answer not in releases}
    print(f"{len(releases)} releases, {len(load.answers)} of them seen; {load.limits} turned away")
    print(f"server: at most {memory} MB, ended in {ended:.2f} s")
    for error in load.errors[:10]:
        print(f"error: {error}")
    if wrong or load.errors:
        sys.exit(f"wrong counts: {wrong}")
    if len(releases) < 2 or len(load.times) < len(doors):
        sys.exit("a door answered nothing, or nothing was published")


if __name__ == "__main__":
    main()
