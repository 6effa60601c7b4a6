//! `CREATE EXTERNAL TABLE` as people and tools write it for Athena.

use catalog::{Errors, LandingTable, parse_external_table};

fn parse(statement: &str) -> Result<LandingTable, Errors> {
    parse_external_table("f.sql", statement, 1)
}

/// The table in one line: name(column type, ...) @ path.
fn shown(table: &LandingTable) -> String {
    let columns = table
        .columns
        .iter()
        .map(|c| format!("{} {}", c.name, c.kind));
    let columns = columns.collect::<Vec<_>>().join(", ");
    format!("{}({columns}) @ {}", table.name, table.path())
}

#[track_caller]
fn check(statement: &str, expected: &str) {
    match parse(statement) {
        Ok(table) => assert_eq!(shown(&table), expected, "{statement}"),
        Err(errors) => panic!("{statement}\n{errors}"),
    }
}

#[track_caller]
fn check_error(statement: &str, expected: &str) {
    match parse(statement) {
        Ok(table) => panic!("{statement}\nwas taken: {}", shown(&table)),
        Err(errors) => assert_eq!(errors.to_string(), expected, "{statement}"),
    }
}

/// A small statement with `columns` and `clauses`.
fn table(columns: &str, clauses: &str) -> String {
    format!(
        "CREATE EXTERNAL TABLE t ({columns})\n\
         ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'\n\
         {clauses}"
    )
}

#[test]
fn as_the_athena_console_writes_it() {
    check(
        "CREATE EXTERNAL TABLE IF NOT EXISTS `stedi`.`customer_landing` (
  `customerName` string,
  `email` string,
  `phone` string,
  `birthDay` string,
  `serialNumber` string,
  `registrationDate` bigint,
  `lastUpdateDate` bigint,
  `shareWithResearchAsOfDate` bigint,
  `shareWithPublicAsOfDate` bigint,
  `shareWithFriendsAsOfDate` bigint
)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
WITH SERDEPROPERTIES (
  'ignore.malformed.json' = 'FALSE',
  'dots.in.keys' = 'FALSE',
  'case.insensitive' = 'TRUE',
  'mapping' = 'TRUE'
)
STORED AS INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat' OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://stedi-lake-house/customer/landing/'
TBLPROPERTIES ('classification' = 'json');",
        "customer_landing(customername string, email string, phone string, birthday string, \
         serialnumber string, registrationdate bigint, lastupdatedate bigint, \
         sharewithresearchasofdate bigint, sharewithpublicasofdate bigint, \
         sharewithfriendsasofdate bigint) @ customer/landing",
    );
}

#[test]
fn as_show_create_table_prints_what_a_crawler_made() {
    check(
        "CREATE EXTERNAL TABLE `step_trainer_landing`(
  `sensorreadingtime` bigint COMMENT 'from deserializer', 
  `serialnumber` string COMMENT 'from deserializer', 
  `distancefromobject` int COMMENT 'from deserializer')
ROW FORMAT SERDE 
  'org.openx.data.jsonserde.JsonSerDe' 
WITH SERDEPROPERTIES ( 
  'paths'='distanceFromObject,sensorReadingTime,serialNumber') 
STORED AS INPUTFORMAT 
  'org.apache.hadoop.mapred.TextInputFormat' 
OUTPUTFORMAT 
  'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION
  's3://cd0030bucket/step_trainer/'
TBLPROPERTIES (
  'CrawlerSchemaDeserializerVersion'='1.0', 
  'CrawlerSchemaSerializerVersion'='1.0', 
  'UPDATED_BY_CRAWLER'='step-trainer', 
  'averageRecordSize'='1032', 
  'classification'='json', 
  'compressionType'='none', 
  'objectCount'='8', 
  'recordCount'='28680', 
  'sizeKey'='3105310', 
  'transient_lastDdlTime'='1682513347', 
  'typeOfData'='file')",
        "step_trainer_landing(sensorreadingtime bigint, serialnumber string, \
         distancefromobject int) @ step_trainer",
    );
}

#[test]
fn as_tutorials_write_it() {
    check(
        "-- Accelerometer readings
/* from the mobile app */
create external table if not exists stedi.accelerometer_landing (
    user string,         -- the e-mail
    timeStamp bigint comment 'epoch; milliseconds',
    x float,
    y double precision,
    z DOUBLE comment \"it's \\\"up\\\"\"
)
comment 'it''s raw'
row format serde 'org.apache.hive.hcatalog.data.JsonSerDe'
with serdeproperties ('serialization.format' = '1')
stored as textfile
location 's3a://bucket/accelerometer/landing'
tblproperties ('has_encrypted_data'='false', 'EXTERNAL'='TRUE');
-- done
",
        "accelerometer_landing(user string, timestamp bigint, x float, y double, z double) \
         @ accelerometer/landing",
    );
}

#[test]
fn names_types_and_locations() {
    let named = |name: &str| {
        format!("create external table {name} (a int) stored as jsonfile location 'l'")
    };
    check(&named("t"), "t(a int) @ l");
    check(&named("`t`"), "t(a int) @ l");
    check(&named("\"t\""), "t(a int) @ l");
    check(&named("db.t"), "t(a int) @ l");
    check(&named("`db.t`"), "t(a int) @ l");
    check(&named("AwsDataCatalog.`my-db`.T_2"), "t_2(a int) @ l");
    check(&named("IF NOT EXISTS Db.\"T\""), "t(a int) @ l");

    let typed = |kind: &str| table(&format!("a {kind}"), "location 'l'");
    check(&typed("STRING"), "t(a string) @ l");
    check(&typed("varchar(64)"), "t(a string) @ l");
    check(&typed("char( 3 ) comment 'c'"), "t(a string) @ l");
    check(&typed("varchar"), "t(a string) @ l");
    check(&typed("BigInt"), "t(a bigint) @ l");
    check(&typed("int"), "t(a int) @ l");
    check(&typed("integer"), "t(a int) @ l");
    check(&typed("smallint"), "t(a int) @ l");
    check(&typed("tinyint"), "t(a int) @ l");
    check(&typed("float"), "t(a float) @ l");
    check(&typed("double"), "t(a double) @ l");
    check(&typed("double precision"), "t(a double) @ l");
    check(&typed("date"), "t(a date) @ l");
    check(&typed("timestamp"), "t(a timestamp) @ l");
    check(&typed("boolean"), "t(a boolean) @ l");

    let at = |location: &str| table("a int", &format!("location '{location}'"));
    check(
        &at("s3://bucket/customer/landing/"),
        "t(a int) @ customer/landing",
    );
    check(&at("s3n://bucket/x"), "t(a int) @ x");
    check(&at("s3://bucket"), "t(a int) @ ");
    check(&at("customer/landing"), "t(a int) @ customer/landing");
    check(&at("./customer"), "t(a int) @ ./customer");
    check(&at("/customer/landing/"), "t(a int) @ customer/landing");
    check(&at("file:///data/customer/"), "t(a int) @ /data/customer");
    assert!(parse(&at("file:///data/customer/")).unwrap().is_absolute());
    assert!(!parse(&at("/customer")).unwrap().is_absolute());
}

#[test]
fn what_a_statement_says_about_the_table() {
    let parsed = parse_external_table(
        "landing.sql",
        "-- why\ncreate external table t (\n  A int comment 'one; two',\n  b string\n)\n\
         comment 'it\\'s raw'\nstored as jsonfile\nlocation 's3://b/p/'\n\
         tblproperties ('sizeKey'='7', 'stedi.personal'='')",
        10,
    );
    let table = parsed.unwrap();
    assert_eq!(table.file, "landing.sql");
    assert_eq!((table.line, table.location_line), (11, 17));
    assert_eq!(table.location, "s3://b/p/");
    assert_eq!(table.comment.as_deref(), Some("it's raw"));
    assert_eq!(table.properties["sizeKey"], "7");
    let columns: Vec<_> = table
        .columns
        .iter()
        .map(|c| (c.name.as_str(), c.comment.as_deref(), c.line))
        .collect();
    assert_eq!(columns, [("a", Some("one; two"), 12), ("b", None, 13)]);
    assert_eq!(table.column("A").map(|c| c.line), Some(12));
}

#[test]
fn personal_and_required_columns() {
    let check = |properties: &str, personal: &[&str], required: &[&str]| {
        let clauses = match properties {
            "" => "location 'l'".to_owned(),
            _ => format!("location 'l' tblproperties ({properties})"),
        };
        let table = parse(&table(
            "id bigint, Email string, phone varchar(9)",
            &clauses,
        ))
        .unwrap();
        assert_eq!(table.personal(), personal, "{properties}");
        assert_eq!(table.required(), required, "{properties}");
    };
    // A statement that does not say: every text column is taken as personal.
    check("", &["email", "phone"], &[]);
    check("'stedi.personal'='email'", &["email"], &[]);
    check("'stedi.personal'=''", &[], &[]);
    check(
        "'stedi.personal'='Email, PHONE,', 'stedi.required'='id'",
        &["email", "phone"],
        &["id"],
    );
    check(
        "'stedi.required'='email,id'",
        &["email", "phone"],
        &["email", "id"],
    );

    check_error(
        &table_with("'stedi.personal'='emial', 'stedi.required'='id,nothing'"),
        "f.sql:4:16: unknown column `emial` in `stedi.personal`\n\
         hint: did you mean `email`?\n\
         f.sql:4:42: unknown column `nothing` in `stedi.required`",
    );
    check_error(
        &table_with("'stedi.personl'='email'"),
        "f.sql:4:16: unknown property `stedi.personl` in TBLPROPERTIES\n\
         hint: did you mean `stedi.personal`?",
    );
}

fn table_with(properties: &str) -> String {
    table(
        "id bigint, email string",
        &format!("location 'l'\ntblproperties ({properties})"),
    )
}

#[test]
fn properties_are_honoured_or_refused() {
    let serde = |properties: &str| {
        table(
            "a int, serialnumber string",
            &format!("with serdeproperties ({properties}) location 'l'"),
        )
    };
    for accepted in [
        "'ignore.malformed.json'='true'",
        "'ignore.malformed.json'='FALSE'",
        "'case.insensitive'='true'",
        "'dots.in.keys'='false'",
        "'mapping'='TRUE'",
        "'mapping.serialnumber'='serialNumber'",
        "'mapping.serialNumber'='SERIALNUMBER', 'serialization.format'='1'",
        "'paths'='a,serialNumber'",
        "'paths'='serialnumber, a'",
        "'paths'='a'",
        "'serialization.format'='2', 'explicit.null'='x', 'strip.outer.array'='true'",
        "'case.insensitive'='FALSE'",
        "'mapping.serialnumber'='sn'",
    ] {
        check(&serde(accepted), "t(a int, serialnumber string) @ l");
    }
    let refused = |property: &str, expected: &str| {
        check_error(&serde(property), &format!("f.sql:3:23: {expected}"));
    };
    refused(
        "'case.insensitive'='no'",
        "`case.insensitive` = `no` is not supported\nhint: write `true` or `false`",
    );
    refused(
        "'dots.in.keys'='true'",
        "`dots.in.keys` = `true` is not supported\n\
         hint: dots in keys have no meaning: write `false`, or leave it out",
    );
    refused(
        "'mapping.serialnumber'=''",
        "`mapping.serialnumber` = `` is not supported\n\
         hint: write the JSON key that the column reads",
    );
    refused(
        "'timestamp.formats'='yyyy'",
        "`timestamp.formats` = `yyyy` is not supported\n\
         hint: times are read in ISO form and as epoch numbers: leave it out, or declare the column `string`",
    );
    check_error(
        &serde("'mapping.serialnumber'='A'"),
        "f.sql:1:33: `a` and `serialnumber` both read the JSON key `A`\n\
         hint: map one of them to another key",
    );
    refused(
        "'mapping.serialnumbr'='x'",
        "unknown column `serialnumbr` in `mapping.serialnumbr`\n\
         hint: did you mean `serialnumber`?",
    );
    refused(
        "'ignore.malformed.jsn'='true'",
        "unknown property `ignore.malformed.jsn` in SERDEPROPERTIES\n\
         hint: did you mean `ignore.malformed.json`?",
    );
    refused(
        "'field.delim'=','",
        "unknown property `field.delim` in SERDEPROPERTIES\n\
         hint: remove it: unknown properties are not supported",
    );

    let tbl = |properties: &str| {
        table(
            "a int",
            &format!("location 'l'\ntblproperties ({properties})"),
        )
    };
    for accepted in [
        "'classification'='JSON'",
        "'compressionType'='gzip', 'typeOfData'='file'",
        "'skip.header.line.count'='0'",
        "'projection.enabled'='true', 'projection.dt.type'='date'",
        "'storage.location.template'='s3://b/t/dt=${dt}/hour=${hour}/'",
        "'classification'='parquet', 'parquet.compression'='SNAPPY'",
        "'numRows'='-1', 'totalSize'='7', 'COLUMN_STATS_ACCURATE'='false'",
        "'CreatedByJob'='j', 'CreatedByJobRun'='jr_1', 'EXTERNAL'='TRUE', 'clasification'='x', 'a.b'='c'",
        "'numFiles'='1', 'transient_lastDdlTime'='1', 'has_encrypted_data'='false', 'steps.count'='3'",
    ] {
        check(&tbl(accepted), "t(a int) @ l");
    }
    let refused = |property: &str, expected: &str| {
        check_error(&tbl(property), &format!("f.sql:4:16: {expected}"));
    };
    refused(
        "'classification'='csv'",
        "`classification` = `csv` is not supported\nhint: landing files are JSON or Parquet: write `json` or `parquet`, or leave it out",
    );
    refused(
        "'skip.header.line.count'='1'",
        "`skip.header.line.count` = `1` is not supported\n\
         hint: JSON files have no header lines: leave it out",
    );
    refused(
        "'storage.location.template'='s3://b/${d}'",
        "`storage.location.template` = `s3://b/${d}` is not supported\n\
         hint: partitions are folders such as `dt=2024-01-31/`: leave PARTITIONED BY out; files in other folders are read as well",
    );
    refused(
        "'has_encrypted_data'='true'",
        "`has_encrypted_data` = `true` is not supported\n\
         hint: client-side encrypted files cannot be read",
    );
    for misspelt in [
        "stedi_subject",
        "STEDI.Subject",
        "stedi-subject",
        "setdi.subjct",
    ] {
        refused(
            &format!("'{misspelt}'='a'"),
            &format!(
                "unknown property `{misspelt}` in TBLPROPERTIES\nhint: did you mean `stedi.subject`?"
            ),
        );
    }
    check_error(
        &tbl("'sizeKey'='1',\n'sizeKey'='2'"),
        "f.sql:5:1: duplicate `sizeKey`\nhint: keep one",
    );
}

#[test]
fn partitions_and_parquet() {
    let parquet = "org.apache.hadoop.hive.ql.io.parquet";
    let table = |clauses: &str| format!("create external table t (a int) {clauses} location 'l'");
    for (clauses, expected) in [
        ("stored as parquet", "t(a int) @ l"),
        (
            &format!(
                "row format serde '{parquet}.serde.ParquetHiveSerDe'
                 stored as inputformat '{parquet}.MapredParquetInputFormat'
                 outputformat '{parquet}.MapredParquetOutputFormat'"
            ),
            "t(a int) @ l",
        ),
        (
            "partitioned by (dt date comment 'the day', `Hour` int) stored as parquet",
            "t(a int, dt date, hour int) @ l",
        ),
    ] {
        check(&table(clauses), expected);
    }
    let parsed = parse(&table("partitioned by (dt date) stored as parquet")).unwrap();
    let names = |columns: &[catalog::Column]| -> Vec<String> {
        columns.iter().map(|column| column.name.clone()).collect()
    };
    assert_eq!(names(parsed.data_columns()), ["a"]);
    assert_eq!(names(parsed.partition_columns()), ["dt"]);
    check_error(
        &table("partitioned by (A string) stored as parquet"),
        "f.sql:1:49: two columns are named `a` (letter case is ignored)\n\
         hint: JSON keys match columns in any letter case: keep one",
    );
}

#[test]
fn what_cannot_be_honoured_is_an_error_at_its_line() {
    check_error(
        "create external table t (\n\
           a struct<b:int,c:array<string>> comment 'x',\n\
           d decimal(10, 2),\n\
           e map<string,int>,\n\
           f text\n\
         )\n\
         partitioned by (year int, share double)\n\
         clustered by (a) sorted by (a) into 4 buckets\n\
         row format serde 'org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe'\n\
         stored as orc\n\
         location 'hdfs://node/x'",
        "f.sql:2:3: column `a`: type `struct<b:int,c:array<string>>` is not supported\n\
         hint: declare it `string`: its JSON is kept as text, and json_extract takes it apart\n\
         f.sql:3:3: column `d`: type `decimal(10,2)` is not supported\n\
         hint: declare it `double`, or `string` to keep every digit\n\
         f.sql:4:3: column `e`: type `map<string,int>` is not supported\n\
         hint: declare it `string`: its JSON is kept as text, and json_extract takes it apart\n\
         f.sql:5:3: column `f`: type `text` is not supported\n\
         hint: declare it `string`\n\
         f.sql:7:27: PARTITIONED BY with a column of type double is not supported\n\
         hint: declare it as string, int, bigint or date\n\
         f.sql:8:1: CLUSTERED BY is not supported\n\
         hint: leave it out: landing files have no buckets\n\
         f.sql:9:18: the SerDe `org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe` is not supported\n\
         hint: landing files are JSON or Parquet: write `ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'`\n\
         f.sql:10:1: STORED AS ORC is not supported\n\
         hint: landing files are JSON text or Parquet: leave it out, or write `STORED AS TEXTFILE`\n\
         f.sql:11:10: this LOCATION cannot be read: unknown scheme\n\
         hint: use a path below the landing folder, `s3://bucket/path/` or `file:///path/`",
    );
    check_error(
        "create external table t (a int)\nrow format delimited fields terminated by ','\nlocation 'l'",
        "f.sql:2:1: ROW FORMAT DELIMITED is not supported\n\
         hint: landing files are JSON or Parquet: write `ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'`",
    );
    check_error(
        "create external table t (a int)\nlocation 'l'",
        "f.sql:1:1: a table without ROW FORMAT SERDE, which is delimited text to Athena, is not supported\n\
         hint: add `ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'`",
    );
    check_error(
        &table(
            "a int",
            "stored as inputformat 'x.Parquet'\noutputformat 'y.Parquet' location 'l'",
        ),
        "f.sql:3:23: the input format `x.Parquet` is not supported\n\
         hint: landing files are JSON text or Parquet: leave it out, or write `STORED AS TEXTFILE`\n\
         f.sql:4:14: the output format `y.Parquet` is not supported\n\
         hint: landing files are JSON text or Parquet: leave it out, or write `STORED AS TEXTFILE`",
    );
    check_error(
        &table("a int,\nb int, A string", "location '../x'"),
        "f.sql:2:8: two columns are named `a` (letter case is ignored)\n\
         hint: JSON keys match columns in any letter case: keep one\n\
         f.sql:4:10: this LOCATION cannot be read: it contains `..`\n\
         hint: use a path below the landing folder, `s3://bucket/path/` or `file:///path/`",
    );
    check_error(
        &table("a int", ""),
        "f.sql:1:1: no LOCATION\n\
         hint: say where the files are, for example `LOCATION 's3://bucket/customer/landing/'`",
    );
    check_error(
        &table("a int", "location ' '"),
        "f.sql:1:1: no LOCATION\n\
         hint: say where the files are, for example `LOCATION 's3://bucket/customer/landing/'`",
    );
    check_error(
        &table("a int", "location 'l'\nlocation 'm'"),
        "f.sql:4:1: duplicate LOCATION\nhint: keep one",
    );
    check_error(
        "create external table `my-table` (a int) stored as jsonfile location 'l'",
        "f.sql:1:23: `my-table` is not a valid table name\n\
         hint: use lower-case letters, digits and underscores, with a letter first",
    );
}

#[test]
fn what_is_no_such_statement_is_an_error_at_its_place() {
    check_error(
        "create table t (a int)",
        "f.sql:1:1: no CREATE EXTERNAL TABLE statement\n\
         hint: a landing file holds one CREATE EXTERNAL TABLE statement in Athena's syntax",
    );
    check_error(
        "create external table",
        "f.sql:1:22: expected the table's name, found the end",
    );
    check_error(
        "create external table t",
        "f.sql:1:24: expected `(` and the columns, found the end",
    );
    check_error(
        "create external table my-table (a int)",
        "f.sql:1:25: expected `(` and the columns, found `-`",
    );
    check_error(
        "create external table t ()",
        "f.sql:1:26: expected a column's name, found `)`",
    );
    check_error(
        "create external table t (a int,,)",
        "f.sql:1:32: expected a column's name, found `,`",
    );
    check_error(
        "create external table t (a)",
        "f.sql:1:27: expected a column's type, found `)`",
    );
    check_error(
        "create external table t (a int b int)",
        "f.sql:1:32: expected `,` or `)`, found `b`",
    );
    check_error(
        "create external table t (a int not null)",
        "f.sql:1:32: expected `,` or `)`, found `not`",
    );
    check_error(
        "create external table t (a int)\nlocatoin 'l'",
        "f.sql:2:1: expected ROW FORMAT SERDE, WITH SERDEPROPERTIES, STORED AS, LOCATION or \
         TBLPROPERTIES, found `locatoin`\nhint: did you mean `LOCATION`?",
    );
    check_error(
        "create external table t (a int) location s3://x",
        "f.sql:1:42: expected the location as a string, found `s3`",
    );
    check_error(
        "create external table t (a int) tblproperties ('a')",
        "f.sql:1:51: expected `=`, found `)`",
    );
    check_error(
        "create external table t (a int) tblproperties ('a'='b'",
        "f.sql:1:55: expected `,` or `)`, found the end",
    );
    check_error(
        "create external table t (a int)\nlocation 'l",
        "f.sql:2:10: expected a quote that closes this one, found the end",
    );
    check_error(
        "create external table t /* (a int)",
        "f.sql:1:25: expected `*/` to close this comment, found the end",
    );
    check_error(
        &table("a int", "location 'l';\nselect 1"),
        "f.sql:4:1: a second statement: expected one CREATE EXTERNAL TABLE\n\
         hint: put each table into its own file",
    );
}
