"""Pictures: arrays in, Axes out, one file a subject. Only what is in here imports matplotlib."""
