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
readings_node1 = glueContext.create_dynamic_frame.from_catalog(database="stedi", table_name="accelerometer_landing", transformation_ctx="readings_node1")
people_node2 = glueContext.create_dynamic_frame.from_catalog(database="stedi", table_name="customer_trusted", transformation_ctx="people_node2")

joined_node3 = readings_node1.join(["user"], ["email"], people_node2)
own_node4 = joined_node3.select_fields(["user", "timestamp", "x", "y", "z"])

sink_node5 = glueContext.write_dynamic_frame.from_catalog(
    frame=own_node4,
    database="stedi",
    table_name="accelerometer_trusted",
    transformation_ctx="sink_node5",
)

job.commit()
