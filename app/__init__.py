"""The service: stores quads in published generations, answers SPARQL over HTTP, and offers the `trialweave` command."""
