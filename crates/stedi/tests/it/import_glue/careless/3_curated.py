import sys
from awsglue.transforms import *
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext
from awsglue.context import GlueContext
from awsglue.job import Job

args = getResolvedOptions(sys.argv, ["JOB_NAME"])
sc = SparkContext()
glueContext = GlueContext(sc)
spark = glueContext.spark_session
job = Job(glueContext)
job.init(args["JOB_NAME"], args)
c = glueContext.create_dynamic_frame.from_catalog(database="stedi", table_name="customer_trusted", transformation_ctx="c")
a = glueContext.create_dynamic_frame.from_catalog(database="stedi", table_name="accelerometer_trusted", transformation_ctx="a")

j = Join.apply(frame1=c, frame2=a, keys1=["email"], keys2=["user"])

s = glueContext.write_dynamic_frame.from_catalog(
    frame=j,
    database="stedi",
    table_name="customers_curated",
    transformation_ctx="s",
)

job.commit()
