"""What the checks of several lessons share: attention's mistakes and probes."""
