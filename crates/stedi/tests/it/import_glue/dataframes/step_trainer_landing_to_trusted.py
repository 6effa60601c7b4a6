from pyspark.sql import SparkSession
from pyspark.sql import functions as F

BUCKET = "s3://balance-lake"

spark = SparkSession.builder.appName("balance").getOrCreate()

steps = spark.read.json(BUCKET + "/step_trainer/landing/")
customers = spark.read.json(BUCKET + "/customer/curated/")

serials = customers.select("serialNumber").dropDuplicates()
trusted = steps.join(serials, ["serialNumber"])
trusted.write.mode("overwrite").json(BUCKET + "/step_trainer/trusted/")
