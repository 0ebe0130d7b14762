"""The benchmark: this service beside others, in the same run, on the same core."""
