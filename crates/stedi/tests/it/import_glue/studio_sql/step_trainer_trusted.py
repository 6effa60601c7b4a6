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
StepTrainerLanding_node1 = glueContext.create_dynamic_frame.from_catalog(database="stedi", table_name="step_trainer_landing", transformation_ctx="StepTrainerLanding_node1")
CustomersCurated_node2 = glueContext.create_dynamic_frame.from_catalog(database="stedi", table_name="customers_curated", transformation_ctx="CustomersCurated_node2")
SqlQuery104 = '''
SELECT s.sensorReadingTime, s.serialNumber, s.distanceFromObject
FROM step_trainer AS s
WHERE s.serialnumber IN (SELECT serialnumber FROM customers_curated)
'''
SQLQuery_node3 = sparkSqlQuery(glueContext, query = SqlQuery104, mapping = {"step_trainer":StepTrainerLanding_node1, "customers_curated":CustomersCurated_node2}, transformation_ctx = "SQLQuery_node3")
EvaluateDataQuality().process_rows(frame=SQLQuery_node3, ruleset=DEFAULT_DATA_QUALITY_RULESET, publishing_options={"dataQualityEvaluationContext": "EvaluateDataQuality_node1", "enableDataQualityResultsPublishing": True}, additional_options={"observations.scope": "ALL"})
StepTrainerTrusted_node4 = glueContext.getSink(path="s3://balance-lake/step_trainer/trusted/", connection_type="s3", updateBehavior="UPDATE_IN_DATABASE", partitionKeys=[], enableUpdateCatalog=True, transformation_ctx="StepTrainerTrusted_node4")
StepTrainerTrusted_node4.setCatalogInfo(catalogDatabase="stedi",catalogTableName="step_trainer_trusted")
StepTrainerTrusted_node4.setFormat("json")
StepTrainerTrusted_node4.writeFrame(SQLQuery_node3)

job.commit()
