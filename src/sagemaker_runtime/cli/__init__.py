"""The command line: ``sagemaker-runtime``, and ``python -m sagemaker_runtime``."""
