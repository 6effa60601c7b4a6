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

# Script generated for node AccelerometerLanding_node1
AccelerometerLanding_node1 = glueContext.create_dynamic_frame.from_options(
    format_options={"multiline": False},
    connection_type="s3",
    format="json",
    connection_options={"paths": ["s3://balance-lake/accelerometer/landing/"], "recurse": True},
    transformation_ctx="AccelerometerLanding_node1",
)

# Script generated for node CustomerTrusted_node1670
CustomerTrusted_node1670 = glueContext.create_dynamic_frame.from_options(
    format_options={"multiline": False},
    connection_type="s3",
    format="json",
    connection_options={"paths": ["s3://balance-lake/customer/trusted/"], "recurse": True},
    transformation_ctx="CustomerTrusted_node1670",
)

# Script generated for node Customer Privacy Join
CustomerPrivacyJoin_node2 = Join.apply(
    frame1=AccelerometerLanding_node1,
    frame2=CustomerTrusted_node1670,
    keys1=["user"],
    keys2=["email"],
    transformation_ctx="CustomerPrivacyJoin_node2",
)

# Script generated for node Drop Fields
DropFields_node1671 = DropFields.apply(
    frame=CustomerPrivacyJoin_node2,
    paths=["serialNumber", "shareWithPublicAsOfDate", "birthDay", "registrationDate", "shareWithResearchAsOfDate", "customerName", "email", "lastUpdateDate", "phone", "shareWithFriendsAsOfDate"],
    transformation_ctx="DropFields_node1671",
)

# Script generated for node AccelerometerTrusted_node3
AccelerometerTrusted_node3 = glueContext.write_dynamic_frame.from_options(
    frame=DropFields_node1671,
    connection_type="s3",
    format="json",
    connection_options={"path": "s3://balance-lake/accelerometer/trusted/", "partitionKeys": []},
    transformation_ctx="AccelerometerTrusted_node3",
)

job.commit()
