"""What stands before the models: the service's paths, its checks, the signature, and its responses."""
