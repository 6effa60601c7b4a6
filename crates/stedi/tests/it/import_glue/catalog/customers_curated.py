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
people_node1 = glueContext.create_dynamic_frame.from_catalog(database="stedi", table_name="customer_trusted", transformation_ctx="people_node1")
readings_node2 = glueContext.create_dynamic_frame.from_catalog(database="stedi", table_name="accelerometer_trusted", transformation_ctx="readings_node2")

people_node1.toDF().createOrReplaceTempView("people")
readings_node2.toDF().createOrReplaceTempView("readings")
curated_node3 = DynamicFrame.fromDF(
    spark.sql("select distinct p.* from people p left semi join readings r on p.email = r.user"),
    glueContext,
    "curated_node3",
)

sink_node4 = glueContext.write_dynamic_frame.from_catalog(
    frame=curated_node3,
    database="stedi",
    table_name="customer_curated",
    transformation_ctx="sink_node4",
)

job.commit()
