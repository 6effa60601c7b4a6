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
landing_node1 = glueContext.create_dynamic_frame.from_catalog(database="stedi", table_name="customer_landing", transformation_ctx="landing_node1")

def agrees(row):
    return row["sharewithresearchasofdate"] is not None and row["sharewithresearchasofdate"] > 0


agreeing_node2 = landing_node1.filter(f=agrees)

sink_node3 = glueContext.write_dynamic_frame.from_catalog(
    frame=agreeing_node2,
    database="stedi",
    table_name="customer_trusted",
    transformation_ctx="sink_node3",
)

job.commit()
