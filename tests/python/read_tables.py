"""Every trusted and curated table reads the same through deltalake, polars and
pyarrow as through stedi, and tells nothing of personal columns besides.

    python read_tables.py PATH/TO/stedi EMPTY_FOLDER
"""

import json
import pathlib
import subprocess
import sys

import deltalake
import polars
import pyarrow
import pyarrow.dataset
import pyarrow.parquet

BINARY, WORK = sys.argv[1], pathlib.Path(sys.argv[2])

PUBLISHED = {
    "trusted/customer_trusted": 482,
    "trusted/accelerometer_trusted": 40_981,
    "trusted/step_trainer_trusted": 14_460,
    "curated/customer_curated": 482,
    "curated/machine_learning_curated": 43_681,
}

TYPES = {"string": polars.String, "bigint": polars.Int64, "double": polars.Float64, "boolean": polars.Boolean}


def stedi(*words):
    """What `stedi WORDS` prints, as JSON."""
    done = subprocess.run(
        [BINARY, "--format", "json", *words], cwd=WORK, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    return json.loads(done.stdout)


def sorted_rows(frame):
    return frame.sort(frame.columns, nulls_last=True)


def same(ours, theirs, reader):
    """Both have the same columns, types and rows, in whatever order."""
    assert ours.columns == theirs.columns, (reader, ours.columns, theirs.columns)
    assert ours.schema == theirs.schema, (reader, ours.schema, theirs.schema)
    assert sorted_rows(ours).equals(sorted_rows(theirs)), reader


def read(path, version=None):
    """The table at `path` through each reader, as polars frames."""
    table = deltalake.DeltaTable(path, version=version)
    files = [uri.removeprefix("file://") for uri in table.file_uris()]
    yield "deltalake", polars.from_arrow(table.to_pyarrow_table())
    yield "polars", polars.scan_delta(str(path), version=version).collect()
    if files:
        yield "pyarrow", polars.from_arrow(pyarrow.dataset.dataset(files).to_table())


def told_by_stedi(name, columns, version=None):
    clause = "" if version is None else f" version as of {version}"
    rows = stedi("sql", "-c", f"select * from {name}{clause}")
    schema = {column["column"]: TYPES[column["type"]] for column in columns}
    return polars.DataFrame(rows, schema=schema)


def check_statistics(path, personal, numbers):
    """Personal columns carry no statistics, neither in the log nor in files."""
    table = deltalake.DeltaTable(path)
    adds = pyarrow.table(table.get_add_actions(flatten=True))
    bounded = {name.split(".", 1)[1] for name in adds.column_names if name.split(".")[0] in ("min", "max", "null_count")}
    assert not bounded & personal, (path, bounded & personal)
    assert numbers <= bounded, (path, numbers - bounded)
    for file in path.glob("*.parquet"):
        metadata = pyarrow.parquet.ParquetFile(file).metadata
        for group in range(metadata.num_row_groups):
            for position in range(metadata.num_columns):
                column = metadata.row_group(group).column(position)
                name = column.path_in_schema
                if name in personal:
                    assert column.statistics is None, (path, name)
                    assert not column.is_stats_set, (path, name)
                    assert not column.has_column_index, (path, name)
                elif name in numbers:
                    assert column.statistics is not None and column.statistics.has_min_max, (path, name)


def check_table(table, rows, version=None):
    path = WORK / "lake" / table
    name = table.split("/")[1]
    columns = stedi("describe", name)["columns"]
    ours = told_by_stedi(name, columns, version)
    assert ours.height == rows, (table, ours.height)
    for reader, theirs in read(path, version):
        same(ours, theirs, f"{table} through {reader}")
    personal = {column["column"] for column in columns if column["personal"]}
    numbers = {column["column"] for column in columns if column["type"] in ("bigint", "double")} - personal
    assert personal, table
    check_statistics(path, personal, numbers if version is None and rows else set())
    print(f"{table}: {rows} rows and {len(columns)} columns, the same through all readers")


def main():
    stedi("sample", "landing")
    report = stedi("run", "--expect", "published")
    assert all(entry["verdict"] == "ok" for entry in report["tables"]), report
    for table, rows in PUBLISHED.items():
        check_table(table, rows)

    # Everybody withdraws: empty tables, and the first version still there.
    landing = WORK / "landing/customer/landing"
    records = [json.loads(line) for file in sorted(landing.glob("*.json")) for line in file.read_text().splitlines()]
    withdrawn = [{"email": record["email"], "lastUpdateDate": 1_700_000_000_000} for record in records]
    (landing / "withdrawn.json").write_text("".join(json.dumps(record) + "\n" for record in withdrawn))
    stedi("run")
    for table, rows in PUBLISHED.items():
        check_table(table, 0)
        check_table(table, rows, version=0)


if __name__ == "__main__":
    main()
