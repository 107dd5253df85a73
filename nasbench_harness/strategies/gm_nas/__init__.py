"""GM-NAS: a tree of sub-supernets, divided where gradients differ."""
