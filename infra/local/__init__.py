"""The service on one machine: `python -m infra.local`, or `local_stack()` in a test.

stack       puts the pieces together; the entrance for tests
template    reads template.yaml: parameters, conditions, intrinsic functions
resources   what resources are called, and makes those that hold data
emulator    moto's server, in a process that cannot outlive this one
functions   loads handlers and runs them as Lambda would
isolation   one event, one environment: for many events in one process
events      what API Gateway hands to a function
answers     what API Gateway answers: a function's answer, or its own response
authorizer  what API Gateway makes of an authorizer
gateway     a request's way: route, authorizer, function, answer
server      HTTP

Everything about routes, functions, authorizers and gateway responses is read from `template.yaml`.
Not imitated: throttles, caching of decisions, IAM, the access log, Lambda's own payload limits.
"""
