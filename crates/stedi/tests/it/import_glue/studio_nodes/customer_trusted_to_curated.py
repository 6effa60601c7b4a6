import sys
from awsglue.transforms import *
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext
from awsglue.context import GlueContext
from awsglue.job import Job
from awsglue.dynamicframe import DynamicFrame

args = getResolvedOptions(sys.argv, ["JOB_NAME"])
sc = SparkContext()
glueContext = GlueContext(sc)
spark = glueContext.spark_session
job = Job(glueContext)
job.init(args["JOB_NAME"], args)

# Script generated for node CustomerTrusted_node1
CustomerTrusted_node1 = glueContext.create_dynamic_frame.from_options(
    format_options={"multiline": False},
    connection_type="s3",
    format="json",
    connection_options={"paths": ["s3://balance-lake/customer/trusted/"], "recurse": True},
    transformation_ctx="CustomerTrusted_node1",
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
    frame1=CustomerTrusted_node1,
    frame2=AccelerometerTrusted_node2,
    keys1=["email"],
    keys2=["user"],
    transformation_ctx="Join_node3",
)

# Script generated for node Drop Fields
DropFields_node4 = DropFields.apply(
    frame=Join_node3,
    paths=["user", "timeStamp", "x", "y", "z"],
    transformation_ctx="DropFields_node4",
)

# Script generated for node Drop Duplicates
DropDuplicates_node5 = DynamicFrame.fromDF(
    DropFields_node4.toDF().dropDuplicates(["email"]),
    glueContext,
    "DropDuplicates_node5",
)

# Script generated for node CustomerCurated_node6
CustomerCurated_node6 = glueContext.write_dynamic_frame.from_options(
    frame=DropDuplicates_node5,
    connection_type="s3",
    format="json",
    connection_options={"path": "s3://balance-lake/customer/curated/", "partitionKeys": []},
    transformation_ctx="CustomerCurated_node6",
)

job.commit()
