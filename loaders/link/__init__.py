"""Identifiers and the identities between studies, publications and concepts."""
