"""ADBC, pandas and polars over the Flight SQL door: `adbc_client.py URI [USER PASSWORD]`."""

import sys
import threading
import time
import warnings

import adbc_driver_flightsql.dbapi as flightsql
import adbc_driver_manager
import polars

uri, *sign_in = sys.argv[1:]
options = dict(zip(("username", "password"), sign_in, strict=False))
warnings.simplefilter("ignore")


def refused(cursor, sql, parameters=None):
    try:
        cursor.execute(sql, parameters)
        cursor.fetchall()
    except adbc_driver_manager.Error as error:
        return str(error).split("\n")[0]
    sys.exit(f"{sql} was not refused")


with flightsql.connect(uri, db_kwargs=options, autocommit=True) as connection:
    print("info", connection.adbc_get_info())
    objects = connection.adbc_get_objects(depth="columns").read_all().to_pylist()
    for catalog in objects:
        for schema in catalog["catalog_db_schemas"]:
            for table in schema["db_schema_tables"]:
                columns = [column["column_name"] for column in table["table_columns"]]
                print("table", catalog["catalog_name"], schema["db_schema_name"], table["table_name"], len(columns))
    print("types", connection.adbc_get_table_types())
    print("schema", connection.adbc_get_table_schema("machine_learning_curated", db_schema_filter="lakehouse").names)
    with connection.cursor() as cursor:
        for catalog in objects:
            for schema in catalog["catalog_db_schemas"]:
                if schema["db_schema_name"] == "lakehouse":
                    for table in schema["db_schema_tables"]:
                        name = table["table_name"]
                        cursor.execute(f'select count(*) as n from "{name}"')
                        print(name, cursor.fetchone()[0])
        cursor.execute("select * from machine_learning_curated")
        rows = cursor.fetch_arrow_table()
        print("arrow", rows.num_rows, rows.schema.names)
        cursor.execute("select * from machine_learning_curated")
        print("pandas", cursor.fetch_df().shape)
        cursor.execute("select count(*) as n from machine_learning_curated where x > ? and serialnumber <> ?", (-1000.0, "it's"))
        print("bound", cursor.fetchone()[0])
        cursor.execute("select $1 + 1 as a, $2 as b, $1 as c", (41, "it's"))
        print("numbered", cursor.fetchone())
        cursor.execute(
            "select true as b, 1 as i, 1.5 as f, decimal '1.20' as d, 't' as t, X'0aff' as x, date '1999-12-31' as y, "
            "timestamp '2024-01-31 12:00:00' as s, array[1, null] as l, null as n"
        )
        print("values", cursor.fetchone())
        for sql in (
            "select * from nothing",
            "selct 1",
            "delete from machine_learning_curated",
            "create table a (b int)",
            "select 1 as a; select 2 as b",
        ):
            print("refused", sql, "->", refused(cursor, sql))
        try:
            cursor.adbc_ingest("stolen", rows)
        except adbc_driver_manager.Error as error:
            print("refused ingest ->", str(error).split("\n")[0])
        else:
            sys.exit("an ingestion was not refused")
        endless = (
            "select count(*) as n from accelerometer_landing a, accelerometer_landing b, "
            "accelerometer_landing c where a.x + b.x > c.y"
        )
        began = time.monotonic()
        threading.Timer(0.7, cursor.adbc_cancel).start()
        print("cancelled", refused(cursor, endless), time.monotonic() - began < 10)
    frame = polars.read_database("select serialnumber, count(*) as n from step_trainer_trusted group by serialnumber", connection)
    print("polars", frame["n"].sum())
