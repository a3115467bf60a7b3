"""Measured comparisons. Each module prints figures with their unit; ratios are taken side by side in one run."""
