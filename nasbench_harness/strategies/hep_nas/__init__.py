"""HEP-NAS: edges divided jointly, children trained with mutual distillation."""
