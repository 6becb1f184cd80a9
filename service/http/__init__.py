"""The HTTP interface: routes, request bodies, schemas, problems."""
