"""Readers turn source documents into records, `emit` turns records into quads, and the gate decides what gets in."""
