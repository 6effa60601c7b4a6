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

# Script generated for node S3bucket_node1
S3bucket_node1 = glueContext.create_dynamic_frame.from_options(
    format_options={"multiline": False},
    connection_type="s3",
    format="json",
    connection_options={"paths": ["s3://other-bucket/customer/landing"], "recurse": True},
    transformation_ctx="S3bucket_node1",
)

Filter_node2 = Filter.apply(frame=S3bucket_node1, f=lambda x: x["shareWithPublicAsOfDate"] != 0)

# Script generated for node Sink_node3
Sink_node3 = glueContext.write_dynamic_frame.from_options(
    frame=Filter_node2,
    connection_type="s3",
    format="json",
    connection_options={"path": "s3://other-bucket/customers/trusted", "partitionKeys": []},
    transformation_ctx="Sink_node3",
)

job.commit()
