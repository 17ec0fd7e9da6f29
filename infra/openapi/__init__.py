"""The HTTP contract as an OpenAPI document: `python -m infra.openapi` writes `infra/openapi.json`.

document    puts the pieces together
deployed    what the template says: routes, who may call them, what the gateway answers by itself
words       what docstrings say: of handlers, fields and errors
fixed       what is the same for every operation
operations  what nobody else says: which errors a verb answers, and examples

The rest is Powertools' and pydantic's, from the handlers' own routes, parameters and models. Bounds
that a deployment may change have the values of the template's defaults.
"""
