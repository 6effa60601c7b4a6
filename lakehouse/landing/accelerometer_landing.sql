-- One row per phone reading.
CREATE EXTERNAL TABLE IF NOT EXISTS `stedi`.`accelerometer_landing` (
  `user` string COMMENT 'the e-mail of the person who carried the phone',
  `timestamp` bigint COMMENT 'epoch milliseconds, UTC',
  `x` double,
  `y` double,
  `z` double
)
COMMENT 'One phone reading.'
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
LOCATION 's3://stedi/accelerometer/landing/'
TBLPROPERTIES (
  'classification' = 'json',
  'stedi.topic' = 'stedi/accelerometer/+',
  'stedi.subject' = 'user',
  'stedi.time' = 'timestamp',
  'stedi.personal' = 'user',
  'stedi.required' = 'user,timestamp'
);
