"""gRPC beside HTTP: the same pool, limits, keys and models on a port of its own.

Nothing here is imported unless the setting `grpc_port` is set; it needs the extra `grpc`.
"""
