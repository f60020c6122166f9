"""Routes that clients of other face servers speak already: each a translation onto our own use cases."""
