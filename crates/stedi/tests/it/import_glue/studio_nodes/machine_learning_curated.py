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

# Script generated for node StepTrainerTrusted_node1
StepTrainerTrusted_node1 = glueContext.create_dynamic_frame.from_options(
    format_options={"multiline": False},
    connection_type="s3",
    format="json",
    connection_options={"paths": ["s3://balance-lake/step_trainer/trusted/"], "recurse": True},
    transformation_ctx="StepTrainerTrusted_node1",
)

# Script generated for node AccelerometerTrusted_node2
AccelerometerTrusted_node2 = glueContext.create_dynamic_frame.from_options(
    format_options={"multiline": False},
    connection_type="s3",
    format="json",
    connection_options={"paths": ["s3://balance-lake/accelerometer/trusted/"], "recurse": True},
    transformation_ctx="AccelerometerTrusted_node2",
)

# Script generated for node Join
Join_node3 = Join.apply(
    frame1=StepTrainerTrusted_node1,
    frame2=AccelerometerTrusted_node2,
    keys1=["sensorReadingTime"],
    keys2=["timeStamp"],
    transformation_ctx="Join_node3",
)

# Script generated for node MachineLearningCurated_node4
MachineLearningCurated_node4 = glueContext.write_dynamic_frame.from_options(
    frame=Join_node3,
    connection_type="s3",
    format="json",
    connection_options={"path": "s3://balance-lake/machine_learning/curated/", "partitionKeys": []},
    transformation_ctx="MachineLearningCurated_node4",
)

job.commit()
