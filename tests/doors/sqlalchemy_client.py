"""SQLAlchemy and pandas over the Postgres door: `sqlalchemy_client.py URL`."""

import sys

import pandas
import sqlalchemy as sa

engine = sa.create_engine(sys.argv[1])
inspector = sa.inspect(engine)
print("schemas", inspector.get_schema_names())
tables = inspector.get_table_names()
print("tables", sorted(tables))
print("system tables", sorted(inspector.get_table_names(schema="system")))
print("views", inspector.get_view_names())
for column in inspector.get_columns("machine_learning_curated"):
    print("column", column["name"], column["type"], column["nullable"])
print("keys", inspector.get_pk_constraint("machine_learning_curated"))
print("foreign keys", inspector.get_foreign_keys("machine_learning_curated"))
print("indexes", inspector.get_indexes("machine_learning_curated"))
print("comment", inspector.get_table_comment("machine_learning_curated"))
print("has", inspector.has_table("machine_learning_curated"), inspector.has_table("nothing"))

for schema in (None, "lakehouse"):
    table = sa.Table("machine_learning_curated", sa.MetaData(), schema=schema, autoload_with=engine)
    with engine.connect() as connection:
        count = connection.scalar(sa.select(sa.func.count()).select_from(table))
        one = connection.execute(sa.select(table).where(table.c.x > 0.5).limit(1)).first()
        print("rows", count, len(one))

frame = pandas.read_sql("select * from machine_learning_curated", engine)
print("pandas", frame.shape, frame.dtypes.astype(str).to_dict())
frame = pandas.read_sql(sa.text("select count(*) as n from machine_learning_curated where x > :x"), engine, params={"x": 0})
print("pandas parameter", int(frame.n[0]) > 0)
