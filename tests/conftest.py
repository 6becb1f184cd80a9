"""For all tests: a proxy that the machine is set up with is not asked for this machine's services."""

import os

os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
