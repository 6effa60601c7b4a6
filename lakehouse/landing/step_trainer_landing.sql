-- One row per motion-sensor reading.
CREATE EXTERNAL TABLE IF NOT EXISTS `stedi`.`step_trainer_landing` (
  `sensorreadingtime` bigint COMMENT 'epoch milliseconds, UTC',
  `serialnumber` string COMMENT 'of the Step Trainer itself',
  `distancefromobject` bigint
)
COMMENT 'One motion-sensor reading.'
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
LOCATION 's3://stedi/step_trainer/landing/'
TBLPROPERTIES (
  'classification' = 'json',
  'stedi.topic' = 'stedi/step_trainer/+',
  'stedi.device' = 'serialnumber',
  'stedi.time' = 'sensorreadingtime',
  'stedi.personal' = 'serialnumber',
  'stedi.required' = 'serialnumber,sensorreadingtime'
);
