import sys
from awsglue.transforms import *
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext
from awsglue.context import GlueContext
from awsglue.job import Job
from awsgluedq.transforms import EvaluateDataQuality
from awsglue import DynamicFrame


def sparkSqlQuery(glueContext, query, mapping, transformation_ctx) -> DynamicFrame:
    for alias, frame in mapping.items():
        frame.toDF().createOrReplaceTempView(alias)
    result = spark.sql(query)
    return DynamicFrame.fromDF(result, glueContext, transformation_ctx)


args = getResolvedOptions(sys.argv, ["JOB_NAME"])
sc = SparkContext()
glueContext = GlueContext(sc)
spark = glueContext.spark_session
job = Job(glueContext)
job.init(args["JOB_NAME"], args)

DEFAULT_DATA_QUALITY_RULESET = """
    Rules = [
        ColumnCount > 0,
        RowCount > 0
    ]
"""
CustomerTrusted_node1 = glueContext.create_dynamic_frame.from_catalog(database="stedi", table_name="customer_trusted", transformation_ctx="CustomerTrusted_node1")
AccelerometerLanding_node2 = glueContext.create_dynamic_frame.from_catalog(database="stedi", table_name="accelerometer_landing", transformation_ctx="AccelerometerLanding_node2")
SqlQuery103 = '''
select distinct customer_trusted.* from customer_trusted
join accelerometer_landing on customer_trusted.email == accelerometer_landing.user
'''
SQLQuery_node3 = sparkSqlQuery(glueContext, query = SqlQuery103, mapping = {"customer_trusted":CustomerTrusted_node1, "accelerometer_landing":AccelerometerLanding_node2}, transformation_ctx = "SQLQuery_node3")
EvaluateDataQuality().process_rows(frame=SQLQuery_node3, ruleset=DEFAULT_DATA_QUALITY_RULESET, publishing_options={"dataQualityEvaluationContext": "EvaluateDataQuality_node1", "enableDataQualityResultsPublishing": True}, additional_options={"observations.scope": "ALL"})
CustomersCurated_node4 = glueContext.getSink(path="s3://balance-lake/customer/curated/", connection_type="s3", updateBehavior="UPDATE_IN_DATABASE", partitionKeys=[], enableUpdateCatalog=True, transformation_ctx="CustomersCurated_node4")
CustomersCurated_node4.setCatalogInfo(catalogDatabase="stedi",catalogTableName="customers_curated")
CustomersCurated_node4.setFormat("json")
CustomersCurated_node4.writeFrame(SQLQuery_node3)

job.commit()
