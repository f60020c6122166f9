"""The words of Face Server: frozen values and the error tree, on the standard library and NumPy alone."""
