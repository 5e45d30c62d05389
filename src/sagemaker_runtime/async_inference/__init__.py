"""The wait for the result of an asynchronous inference, which is found in S3: ``waiting`` looks, ``s3`` reads."""
