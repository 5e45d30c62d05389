"""What stands before the models: the service's paths, its checks, the signature, and the words of its answers."""
