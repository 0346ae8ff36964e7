"""Settings, folders, keys and network options of this machine, each with the place that its value comes from."""
