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
steps_node1 = glueContext.create_dynamic_frame.from_catalog(database="stedi", table_name="step_trainer_trusted", transformation_ctx="steps_node1")
readings_node2 = glueContext.create_dynamic_frame.from_catalog(database="stedi", table_name="accelerometer_trusted", transformation_ctx="readings_node2")

pairs_node3 = Join.apply(steps_node1, readings_node2, ["sensorreadingtime"], ["timestamp"])

sink_node4 = glueContext.write_dynamic_frame.from_catalog(
    frame=pairs_node3,
    database="stedi",
    table_name="machine_learning_curated",
    transformation_ctx="sink_node4",
)

job.commit()
