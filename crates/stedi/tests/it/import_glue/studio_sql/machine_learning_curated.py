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
StepTrainerTrusted_node1 = glueContext.create_dynamic_frame.from_catalog(database="stedi", table_name="step_trainer_trusted", transformation_ctx="StepTrainerTrusted_node1")
AccelerometerTrusted_node2 = glueContext.create_dynamic_frame.from_catalog(database="stedi", table_name="accelerometer_trusted", transformation_ctx="AccelerometerTrusted_node2")
SqlQuery105 = '''
select * from st join at
on st.sensorReadingTime = at.timeStamp
'''
SQLQuery_node3 = sparkSqlQuery(glueContext, query = SqlQuery105, mapping = {"st":StepTrainerTrusted_node1, "at":AccelerometerTrusted_node2}, transformation_ctx = "SQLQuery_node3")
EvaluateDataQuality().process_rows(frame=SQLQuery_node3, ruleset=DEFAULT_DATA_QUALITY_RULESET, publishing_options={"dataQualityEvaluationContext": "EvaluateDataQuality_node1", "enableDataQualityResultsPublishing": True}, additional_options={"observations.scope": "ALL"})
MachineLearningCurated_node4 = glueContext.getSink(path="s3://balance-lake/machine_learning_curated/", connection_type="s3", updateBehavior="UPDATE_IN_DATABASE", partitionKeys=[], enableUpdateCatalog=True, transformation_ctx="MachineLearningCurated_node4")
MachineLearningCurated_node4.setCatalogInfo(catalogDatabase="stedi",catalogTableName="machine_learning_curated")
MachineLearningCurated_node4.setFormat("json")
MachineLearningCurated_node4.writeFrame(SQLQuery_node3)

job.commit()
