"""Sources of latencies: each importer reads one kind of file; ``kinds`` knows them all and what they share."""
