"""The small S3 of the local endpoint, and the queue that leaves its results there."""
