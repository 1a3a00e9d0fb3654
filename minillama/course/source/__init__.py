"""Python as text: find definitions, blank them, splice them into a module; what lessons teach."""
