"""What holds for all tests: property tests explore at every run, but repeat themselves in continuous integration.

A change must not be turned away for what another draw of random examples found in code it does not touch; new examples
are found where somebody can look at them.
"""

import os

from hypothesis import settings

settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")
