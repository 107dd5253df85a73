"""The version, for the package and for records; free of imports."""

__version__ = "0.1.0"
