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
CustomerLanding_node1 = glueContext.create_dynamic_frame.from_catalog(database="stedi", table_name="customer_landing", transformation_ctx="CustomerLanding_node1")
SqlQuery101 = '''
select * from myDataSource
where shareWithResearchAsOfDate IS NOT NULL;
'''
PrivacyFilter_node2 = sparkSqlQuery(glueContext, query = SqlQuery101, mapping = {"myDataSource":CustomerLanding_node1}, transformation_ctx = "PrivacyFilter_node2")
EvaluateDataQuality().process_rows(frame=PrivacyFilter_node2, ruleset=DEFAULT_DATA_QUALITY_RULESET, publishing_options={"dataQualityEvaluationContext": "EvaluateDataQuality_node1", "enableDataQualityResultsPublishing": True}, additional_options={"observations.scope": "ALL"})
CustomerTrusted_node3 = glueContext.getSink(path="s3://balance-lake/customer/trusted/", connection_type="s3", updateBehavior="UPDATE_IN_DATABASE", partitionKeys=[], enableUpdateCatalog=True, transformation_ctx="CustomerTrusted_node3")
CustomerTrusted_node3.setCatalogInfo(catalogDatabase="stedi",catalogTableName="customer_trusted")
CustomerTrusted_node3.setFormat("json")
CustomerTrusted_node3.writeFrame(PrivacyFilter_node2)

job.commit()
