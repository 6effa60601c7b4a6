from pyspark.sql import SparkSession
from pyspark.sql import functions as F

BUCKET = "s3://balance-lake"

spark = SparkSession.builder.appName("balance").getOrCreate()

customers = spark.read.json(BUCKET + "/customer/trusted/")
readings = spark.read.json(BUCKET + "/accelerometer/trusted/")

people = readings.select(F.col("user").alias("email")).distinct()
curated = customers.join(people, on="email", how="left_semi")
curated.write.mode("overwrite").json(BUCKET + "/customer/curated/")
