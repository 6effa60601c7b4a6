import sys
from awsglue.transforms import *
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext
from awsglue.context import GlueContext
from awsglue.job import Job
import pyspark.sql.functions as F

args = getResolvedOptions(sys.argv, ["JOB_NAME"])
sc = SparkContext()
glueContext = GlueContext(sc)
spark = glueContext.spark_session
job = Job(glueContext)
job.init(args["JOB_NAME"], args)

steps = spark.read.json("s3://other-bucket/step-trainer/landing/")
by_device = steps.groupBy("serialNumber").agg(F.count("*").alias("readings"), F.max("distanceFromObject").alias("farthest"))
odd = steps.withColumn("day", F.date_format("sensorReadingTime", "yyyy"))
by_device.write.saveAsTable("device_totals")
odd.write.saveAsTable("step_trainer_days")

job.commit()
