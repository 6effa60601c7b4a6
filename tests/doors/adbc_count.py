"""Rows of a table over the Flight SQL door: `adbc_count.py CERTIFICATE URI USER PASSWORD TABLE`."""

import pathlib
import sys
import warnings

import adbc_driver_flightsql.dbapi as flightsql
from adbc_driver_flightsql import DatabaseOptions

certificate, uri, user, password, table = sys.argv[1:]
warnings.simplefilter("ignore")
options = {"username": user, "password": password}
if "tls" in uri:
    options[DatabaseOptions.TLS_ROOT_CERTS.value] = pathlib.Path(certificate).read_text()
with flightsql.connect(uri, db_kwargs=options, autocommit=True) as connection, connection.cursor() as cursor:
    cursor.execute(f"select count(*) as n from {table}")
    print(cursor.fetchone()[0])
