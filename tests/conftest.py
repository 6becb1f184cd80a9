"""For all tests: no proxy is asked for the services of this machine, and no time is asserted."""

import os

from hypothesis import settings

os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"

# A busy machine is no fault of the code.
settings.register_profile("clickorder", deadline=None)
settings.load_profile("clickorder")
