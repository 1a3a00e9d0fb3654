"""Judge an answer: probe it, compare with what is right, recognize known mistakes."""
