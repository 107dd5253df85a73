"""HM-NAS: a mixture of all operations under hierarchical masks."""
