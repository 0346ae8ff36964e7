"""What settings, folders, keys and the network are here, and where each value comes from."""
