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

# Script generated for node StepTrainerLanding_node1
StepTrainerLanding_node1 = glueContext.create_dynamic_frame.from_options(
    format_options={"multiline": False},
    connection_type="s3",
    format="json",
    connection_options={"paths": ["s3://balance-lake/step_trainer/landing/"], "recurse": True},
    transformation_ctx="StepTrainerLanding_node1",
)

# Script generated for node CustomerCurated_node2
CustomerCurated_node2 = glueContext.create_dynamic_frame.from_options(
    format_options={"multiline": False},
    connection_type="s3",
    format="json",
    connection_options={"paths": ["s3://balance-lake/customer/curated/"], "recurse": True},
    transformation_ctx="CustomerCurated_node2",
)

# Script generated for node Renamed keys for Join
RenamedkeysforJoin_node3 = ApplyMapping.apply(
    frame=CustomerCurated_node2,
    mappings=[("serialNumber", "string", "`(right) serialNumber`", "string")],
    transformation_ctx="RenamedkeysforJoin_node3",
)

# Script generated for node Join
Join_node4 = Join.apply(
    frame1=StepTrainerLanding_node1,
    frame2=RenamedkeysforJoin_node3,
    keys1=["serialNumber"],
    keys2=["`(right) serialNumber`"],
    transformation_ctx="Join_node4",
)

# Script generated for node Drop Fields
DropFields_node5 = DropFields.apply(
    frame=Join_node4,
    paths=["`(right) serialNumber`"],
    transformation_ctx="DropFields_node5",
)

# Script generated for node StepTrainerTrusted_node6
StepTrainerTrusted_node6 = glueContext.write_dynamic_frame.from_options(
    frame=DropFields_node5,
    connection_type="s3",
    format="json",
    connection_options={"path": "s3://balance-lake/step_trainer/trusted/", "partitionKeys": []},
    transformation_ctx="StepTrainerTrusted_node6",
)

job.commit()
