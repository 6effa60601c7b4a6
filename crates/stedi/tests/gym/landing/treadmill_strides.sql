-- One row per reading of a treadmill that a member is logged in to.
CREATE EXTERNAL TABLE treadmill_strides (
  member string,
  at bigint,
  speed double,
  incline double,
  cadence double
)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
LOCATION 's3://gym/treadmills/'
TBLPROPERTIES (
  'stedi.subject' = 'member',
  'stedi.time' = 'at'
);
