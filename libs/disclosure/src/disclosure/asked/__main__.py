"""Answer one question and end: `python -I -m disclosure.asked < question.json`.

Says `{"answer": …}` or `{"problem": …}`. Before it reads, the process lowers its priority and
bounds its own memory and CPU time, so that whoever started it goes on undisturbed; it is told both
as arguments, in bytes and seconds.
"""

import json
import os
import resource
import sys


def main(memory: int, cpu_seconds: int) -> None:
    """Read, answer, write."""
    os.nice(10)
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="ascii")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # libraries greet on their output
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would keep what was asked
    from disclosure.asked import answered
    from disclosure.problems import DisclosureProblem

    try:
        told = {"answer": answered(json.load(sys.stdin))}
    except DisclosureProblem as problem:
        told = {
            "problem": {
                "code": problem.code,
                "title": problem.title,
                "detail": problem.detail,
                "members": dict(problem.members),
            }
        }
    with answer:
        json.dump(told, answer)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
