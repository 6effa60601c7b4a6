from pyspark.sql import SparkSession
from pyspark.sql import functions as F

BUCKET = "s3://balance-lake"

spark = SparkSession.builder.appName("balance").getOrCreate()

steps = spark.read.json(BUCKET + "/step_trainer/trusted/").alias("s")
readings = spark.read.json(BUCKET + "/accelerometer/trusted/").alias("a")

pairs = steps.join(readings, F.col("s.sensorReadingTime") == F.col("a.timeStamp"))
pairs = pairs.drop("timeStamp").withColumnRenamed("distanceFromObject", "distance")
pairs.write.mode("overwrite").json(BUCKET + "/machine_learning/curated/")
