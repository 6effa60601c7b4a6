from pyspark.sql import SparkSession
from pyspark.sql import functions as F

BUCKET = "s3://balance-lake"

spark = SparkSession.builder.appName("balance").getOrCreate()


def load(zone):
    return spark.read.json(f"{BUCKET}/customer/{zone}/")


customers = load("landing")
trusted = customers.filter(F.col("shareWithResearchAsOfDate").isNotNull())
trusted.write.mode("overwrite").json(f"{BUCKET}/customer/trusted/")
