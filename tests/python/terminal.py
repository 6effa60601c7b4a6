"""Drives the binary through a pseudo-terminal: the interactive shell, its
history and completion, bars and colours. Standard library alone.

    python3 terminal.py PATH/TO/stedi FOLDER/WITH/landing/AND/lake
"""

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import stat
import struct
import sys
import tempfile
import termios
import time

BINARY, FOLDER = (os.path.abspath(place) for place in sys.argv[1:3])
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>]|\r")
PATIENCE = 30.0


class Terminal:
    """One call of the program with a terminal of its own."""

    def __init__(self, *args, home, size=(50, 180), **variables):
        self.seen = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            keep = {k: v for k, v in os.environ.items() if not k.startswith(("STEDI_", "NO_COLOR", "CLICOLOR"))}
            keep.update(HOME=home, XDG_STATE_HOME=os.path.join(home, "state"), TERM="xterm", **variables)
            # Rows, columns, and pixels that nobody asks for.
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
            os.chdir(FOLDER)
            os.execve(BINARY, [BINARY, *args], keep)

    def read(self, seconds):
        """Takes in what is there within so many seconds; False at the end."""
        ready, _, _ = select.select([self.fd], [], [], seconds)
        if not ready:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.seen += data.decode("utf-8", "replace")
        return bool(data)

    def until(self, text):
        """Reads on until `text` is on the screen; gives what came before it."""
        end = time.monotonic() + PATIENCE
        while text not in ESCAPES.sub("", self.seen):
            assert self.read(0.2) or text in ESCAPES.sub("", self.seen), f"ended without {text!r}: {self.seen!r}"
            assert time.monotonic() < end, f"no {text!r} within {PATIENCE} s: {self.seen!r}"
        before, _, after = ESCAPES.sub("", self.seen).partition(text)
        self.seen = after
        return before

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        """Waits for the end; gives the exit code and the last words."""
        end = time.monotonic() + PATIENCE
        while self.read(0.2):
            assert time.monotonic() < end, f"still running: {self.seen!r}"
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status), self.seen


def shell(home):
    one = Terminal("sql", home=home)
    one.until("stedi> ")
    one.type("select count(*) as people from customer_landing;\n")
    one.until("40")
    one.until("1 row")

    # A statement may run over many lines.
    one.until("stedi> ")
    one.type("select 6 *\n")
    one.type("7 as answer;\n")
    one.until("42")

    # A fault does not end the shell, and gives the near name.
    one.until("stedi> ")
    one.type("select emial from customer_landing;\n")
    one.until("error: ")
    one.until("`email`")

    # Tab completes tables and columns.
    one.until("stedi> ")
    one.type("select count(*) as n from machine_l\t;\n")
    one.until("machine_learning_curated")
    one.until("1 row")

    # Ctrl-C drops the line, not the shell.
    one.until("stedi> ")
    one.type("select 'never sent'")
    one.type("\x03")
    one.until("stedi> ")

    # Ctrl-C stops a query, not the shell.
    one.type("select count(*) from accelerometer_landing a cross join accelerometer_landing b"
             " cross join accelerometer_landing c where a.x + b.x + c.x > 7;\n")
    time.sleep(1.0)
    one.type("\x03")
    one.until("stopped")

    # Also one that never looks up from its work ends the shell.
    two = Terminal("sql", home=home)
    two.until("stedi> ")
    two.type("select levenshtein(rpad('a', 1000000, 'a'), rpad('b', 1000000, 'b'));\n")
    time.sleep(1.0)
    two.type("\x03")
    code, words = two.end()
    assert code == 130, (code, words)

    # Tables and one of them.
    one.until("stedi> ")
    one.type("\\d\n")
    one.until("trusted.customer_trusted")
    one.until("stedi> ")
    one.type("\\d customer_trusted\n")
    one.until("sharewithresearchasofdate")

    # An external table lasts for the session.
    one.until("stedi> ")
    one.type("create external table people (email string) row format serde"
             " 'org.openx.data.jsonserde.JsonSerDe' location 's3://b/customer/landing/';\n")
    one.until("people")
    one.until("stedi> ")
    one.type("select count(email) as mails from people;\n")
    one.until("40")

    one.until("stedi> ")
    one.type(" select 'a secret, begun with a space';\n")
    one.until("1 row")
    one.until("stedi> ")
    one.type("\\q\n")
    code, words = one.end()
    assert code == 0, (code, words)

    # The history is there the next time, and its owner's alone.
    file = os.path.join(home, "state/stedi/history")
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600, oct(os.stat(file).st_mode)
    kept = open(file, encoding="utf-8").read()
    assert "as people from customer_landing" in kept, kept
    assert "secret" not in kept, kept
    two = Terminal("sql", home=home)
    two.until("stedi> ")
    two.type("\x1b[A")
    two.until("\\q")
    two.type("\x1b[A")
    two.until("select count(email)")
    two.type("\x03")
    two.until("stedi> ")
    two.type("\x04")
    code, words = two.end()
    assert code == 0, (code, words)


def shell_commands(home):
    """\\timing, \\o, and a pager for what is longer than the terminal."""
    pager = os.path.join(home, "pager")
    paged = os.path.join(home, "paged")
    with open(pager, "w", encoding="utf-8") as file:
        file.write(f"#!/bin/sh\ncat > {paged}\necho the pager has $LESS\n")
    os.chmod(pager, 0o700)
    one = Terminal("sql", home=home, size=(20, 180), PAGER=pager)
    one.until("stedi> ")
    one.type("\\timing\n")
    one.until("timing is on")
    one.until("stedi> ")
    one.type("select 6 * 7 as answer;\n")
    one.until("1 row")
    one.until("time: 0.")
    one.until("stedi> ")
    one.type("\\timing off\n")
    one.until("timing is off")
    one.until("stedi> ")

    # Rows go to a file of the owner's alone, and back.
    rows = os.path.join(home, "rows.txt")
    one.type(f"\\o {rows}\n")
    one.until("rows are written to")
    one.until("stedi> ")
    one.type("select 123456 as hidden;\n")
    assert "│" not in one.until("stedi> ")
    one.type("\\o\n")
    one.until("stedi> ")
    assert "123456" in open(rows, encoding="utf-8").read()
    assert stat.S_IMODE(os.stat(rows).st_mode) == 0o600
    one.type("\\o /nowhere/at/all\n")
    one.until("error: cannot write to /nowhere/at/all")
    one.until("stedi> ")

    # What is longer than the terminal goes through the pager.
    one.type("select email from customer_landing;\n")
    shown = one.until("the pager has FRSX")
    assert "│" not in shown, shown
    one.until("stedi> ")
    assert "40 rows" in open(paged, encoding="utf-8").read()
    one.type("select email from customer_landing limit 2;\n")
    one.until("2 rows")
    one.until("stedi> ")
    one.type("\\nonsense\n")
    one.until("error: no such command")
    one.until("stedi> ")
    one.type("\\q\n")
    code, words = one.end()
    assert code == 0, (code, words)


def widths(home):
    """Tables are cut to the terminal, not wrapped; --wide shows all."""
    statement = "select * from customer_landing limit 3"
    for size, args in [((50, 60), ["tables"]), ((50, 80), ["sql", "-c", statement])]:
        cut = Terminal("--no-color", *args, home=home, size=size)
        code, words = cut.end()
        assert code == 0, (code, words)
        lines = [line for line in words.replace("\r", "").splitlines() if line.startswith(("│", "┌"))]
        assert lines and all(len(line) <= size[1] for line in lines), (args, words)
        assert "…" in words and "hint: the table is cut to the terminal; --wide" in words, words
        wide = Terminal("--no-color", "--wide", *args, home=home, size=size)
        code, words = wide.end()
        assert code == 0 and "…" not in words and "cut to the terminal" not in words, words
        assert max(len(line) for line in words.splitlines()) > size[1], words
    # A table that fits has no hint.
    fits = Terminal("sql", "-c", "select 1 as x", home=home)
    code, words = fits.end()
    assert code == 0 and "hint" not in words, words


def colours(home):
    lake = os.path.join(home, "lake")
    for variables, args, coloured in [
        ({}, ["run"], True),
        ({"NO_COLOR": "1"}, ["run"], False),
        ({}, ["--no-color", "run"], False),
    ]:
        shutil.rmtree(lake, ignore_errors=True)
        run = Terminal("--lake", lake, *args, home=home, **variables)
        code, words = run.end()
        assert code == 0, (code, words)
        colour = re.search(r"\x1b\[[0-9;]*3[0-9](;[0-9]+)*m|\x1b\[38;", words)
        assert bool(colour) == coloured, (variables, args, colour, words)
        # A rate is a whole number.
        assert "rows/s" in words and not re.search(r"[.][0-9]+( rows)?/s", words), words
        # Meaning survives without colour.
        assert "ok" in words and "482" not in words, words
        for table in ["customer_trusted", "machine_learning_curated"]:
            assert words.count(table) >= 2, ("a bar and a row", table, words)
    quiet = Terminal("--lake", lake, "run", "--quiet", home=home)
    code, words = quiet.end()
    assert code == 0 and words.count("customer_trusted") == 1, words


def stopping(home):
    lake = os.path.join(home, "never")
    run = Terminal("--lake", lake, "run", home=home)
    time.sleep(0.15)
    run.type("\x03")
    code, words = run.end()
    assert code in (130, 0), (code, words)
    if code == 130:
        assert not os.path.exists(lake), os.listdir(lake)
        assert "interrupted" in words, words


def escapes(home):
    """Values that would move the terminal are shown, whatever the format."""
    lands = os.path.join(home, "landing/accelerometer/landing")
    os.makedirs(lands)
    for other in ("customer", "step_trainer"):
        os.symlink(os.path.join(FOLDER, "landing", other), os.path.join(home, "landing", other))
    harmful = "a\x1b[31m\x1b]0;title\x07\x9b2J\x7f\u202e"
    with open(os.path.join(lands, "harmful.json"), "w", encoding="utf-8") as file:
        file.write('{"user": "%s", "timestamp": 1}\n' % harmful.encode("unicode_escape").decode()
                   .replace("\\x", "\\u00"))
        file.write('{"user": "%s\n' % harmful)
    landing = os.path.join(home, "landing")
    lake = os.path.join(home, "lake")
    places = ["--landing", landing, "--lake", lake, "--no-color"]
    run = Terminal(*places, "run", home=home)
    code, words = run.end()
    assert code == 0, (code, words)
    statement = "select user from accelerometer_landing"
    shown = [["sql", "--format", form, "-c", statement] for form in ("table", "csv", "json", "ndjson")]
    identify = Terminal(*places, "sql", "--format", "csv", "-c", "select id from system.quarantine", home=home)
    code, words = identify.end()
    assert code == 0, (code, words)
    shown.append(["quarantine", "show", words.split()[1]])
    for args in shown:
        call = Terminal(*places, *args, home=home)
        code, words = call.end()
        assert code == 0, (args, code, words)
        assert "\\u001b" in words, (args, words)
        moved = re.search(r"\x1b(?!\[[0-9;]*m\b)|\x1b\[31m|[\x07\x7f\x80-\x9f\u202e]", words)
        assert not moved, (args, moved, words)


if __name__ == "__main__":
    signal.alarm(120)
    for part in (shell, shell_commands, widths, colours, stopping, escapes):
        with tempfile.TemporaryDirectory() as home:
            part(home)
    print("the terminal is served")
