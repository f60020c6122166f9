"""Domain values to rows and files and back: the only importer of SQLAlchemy."""
