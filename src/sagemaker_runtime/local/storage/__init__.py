"""The local endpoint's small S3, and the queue that stores its results there."""
