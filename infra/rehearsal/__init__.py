"""The service as AWS runs it, on one machine: `make rehearsal` makes what it takes.

made        what `make rehearsal` leaves, and where
group       processes that cannot outlive this one
runtime     functions in Lambda's own runtime, under its Runtime Interface Emulator
template    the template without what the emulator of AWS cannot take
deployment  `sam deploy` to that emulator

Linux on x86_64, and the functions' own Python. Slower than `infra.local`, and nearer to AWS: what
runs is the bundle that is deployed, in processes that serve one call at a time.
"""
