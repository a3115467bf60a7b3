"""Print the documentation of all fields: python -m loaders.readers.clinicaltrials > docs/clinicaltrials-fields.md"""

from loaders.readers.clinicaltrials.fields import document

print(document())
