"""Start, decide once, and print the CPU seconds of this process: `python cold_worker.py MODULE`."""

import importlib
import os
import sys
import time

if __name__ == "__main__":
    answers = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if len(sys.argv) > 1:
        importlib.import_module(sys.argv[1]).first()
    os.write(answers, b"%.9f %d\n" % (time.process_time(), len(sys.modules)))
