"""For all tests: no proxy is asked for the services of this machine."""

import os

os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
