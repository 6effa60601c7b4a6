"""psycopg 3 over the Postgres door: `psycopg_client.py CONNINFO`."""

import datetime
import decimal
import sys

import psycopg

COUNTS = """select table_name from information_schema.tables
            where table_schema = 'lakehouse' order by 1"""

with psycopg.connect(sys.argv[1]) as connection:
    print("server", connection.info.parameter_status("server_version"))
    for (table,) in connection.execute(COUNTS).fetchall():
        print(table, connection.execute(f'select count(*) from "{table}"').fetchone()[0])
    connection.commit()
    values = {
        "select %s + 1": (41, 42),
        "select %s": ("it's", "it's"),
        "select %s || 'b'": ("a", "ab"),
        "select %s and true": (True, True),
        "select %s * 2": (1.5, 3.0),
        "select cast(%s as date)": (datetime.date(2024, 2, 29), datetime.date(2024, 2, 29)),
        "select cast(%s as varchar)": (None, None),
        "select %s = X'00ff'": (b"\x00\xff", True),
        "select cast(%s as decimal(10, 2))": (decimal.Decimal("1.25"), decimal.Decimal("1.25")),
    }
    for binary in (False, True):
        for sql, (given, expected) in values.items():
            found = connection.execute(sql, [given], binary=binary).fetchone()[0]
            assert found == expected, (sql, binary, found)
    row = connection.execute(
        """select true, 1, cast(2 as smallint), cast(3 as integer), 1.5, cast(0.5 as real),
                  decimal '12.340', 'text', X'0aff', date '1999-12-31',
                  timestamp '2024-01-31 12:00:00.123456', array[1, 2], array['a', null, 'b"c'],
                  null, interval '1' day"""
    )
    text = row.fetchone()
    cursor = connection.cursor(binary=True)
    binary = cursor.execute(row._query.query.decode()).fetchone()
    print("text", text)
    assert text == binary, (text, binary)
    connection.commit()
    with connection.cursor(name="all") as cursor:
        cursor.itersize = 10_000
        cursor.execute("select * from machine_learning_curated")
        print("server cursor", sum(1 for _ in cursor))
    with connection.cursor(name="some", binary=True) as cursor:
        cursor.execute("select x, sensorreadingtime from machine_learning_curated limit 5")
        first = cursor.fetchmany(3)
        rest = cursor.fetchall()
        assert (len(first), len(rest), cursor.fetchone()) == (3, 2, None), (first, rest)
        assert all(row[1] > 1_600_000_000_000 for row in first + rest), first
    connection.commit()
    with connection.pipeline():
        one, two = connection.execute("select 1"), connection.execute("select 2")
    print("pipeline", one.fetchone(), two.fetchone())
    with connection.cursor() as cursor:
        with cursor.copy("copy (select * from machine_learning_curated) to stdout") as copy:
            print("copy", sum(1 for _ in copy.rows()))
    connection.commit()
    for sql in (
        "select * from nothing",
        "select nothing from machine_learning_curated",
        "selct 1",
        "delete from machine_learning_curated",
        "create table a (b int)",
        "copy machine_learning_curated from stdin",
        "select 1; drop table customer_trusted",
    ):
        try:
            connection.execute(sql)
        except psycopg.Error as error:
            print(sql, "->", error.sqlstate, error.diag.statement_position, error.diag.message_primary)
            connection.rollback()
        else:
            sys.exit(f"{sql} was not refused")
