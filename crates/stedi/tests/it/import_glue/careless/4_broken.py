frame = glueContext.create_dynamic_frame.from_options(
    connection_type="s3",
if True
