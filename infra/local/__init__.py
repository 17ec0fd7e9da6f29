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
background  what happens with nobody waiting: runs the next four
stream      the table's stream, to the function that it is mapped to
bus         events on a bus, and the schedule, to the functions of the rules
subscriptions  what functions log, to the functions that subscribe to it
rules       the template's rules and their input transformers
patterns    which event matches a pattern
invoking    the calls of AWS by which `keyturn` reaches a stack
invocations a function that nobody waits for: tried again a little, then given up
send        puts an event on the bus of the stack that runs: `make event`
session     draws what the README shows of the command line: `make session`

Everything about routes, functions, authorizers, gateway responses, rules, subscriptions and the
stream's mapping is read from `template.yaml`. Not imitated: throttles, caching of decisions, IAM,
the bus's policy, the archive, the access log, Lambda's own payload limits, how long and how often
AWS tries again, where it puts what it gives up, the schedule's own rhythm, and how long CloudWatch
Logs waits for a batch to fill.
"""
