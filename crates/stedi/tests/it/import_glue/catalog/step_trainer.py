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
steps_node1 = glueContext.create_dynamic_frame.from_catalog(database="stedi", table_name="step_trainer_landing", transformation_ctx="steps_node1")
people_node2 = glueContext.create_dynamic_frame.from_catalog(database="stedi", table_name="customer_curated", transformation_ctx="people_node2")

serials_node3 = people_node2.select_fields(["serialnumber"]).rename_field("serialnumber", "owned")
joined_node4 = Join.apply(steps_node1, serials_node3, ["serialnumber"], ["owned"])
trusted_node5 = DropFields.apply(frame=joined_node4, paths=["owned"])

sink_node6 = glueContext.write_dynamic_frame.from_catalog(
    frame=trusted_node5,
    database="stedi",
    table_name="step_trainer_trusted",
    transformation_ctx="sink_node6",
)

job.commit()
