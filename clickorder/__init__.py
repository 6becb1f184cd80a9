"""The command line: wires the service, the generator and the evaluation together."""
