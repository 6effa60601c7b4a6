from pyspark.sql import SparkSession
from pyspark.sql import functions as F

BUCKET = "s3://balance-lake"

spark = SparkSession.builder.appName("balance").getOrCreate()

readings = spark.read.json(BUCKET + "/accelerometer/landing/")
customers = spark.read.json(BUCKET + "/customer/trusted/")

trusted = (
    readings.join(customers, readings["user"] == customers["email"], "inner")
    .select(readings["user"], readings["timeStamp"], "x", "y", "z")
)
trusted.write.format("json").mode("overwrite").save(BUCKET + "/accelerometer/trusted/")
