"""Validation for strangers: RDF or a source document in, the SHACL report out, in a process that may die of it."""
