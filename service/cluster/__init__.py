"""The service on a Ray cluster: a gateway that forwards requests, and replicas that answer them."""
