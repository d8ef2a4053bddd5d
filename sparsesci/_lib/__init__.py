"""What every family stands on: arrays, operators, results, stopping rules, threads. Knows no algorithm."""
