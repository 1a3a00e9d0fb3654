"""For authors: execute lessons, keep them and the package the same, take their pictures."""
