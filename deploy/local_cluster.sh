#!/usr/bin/env bash
# A Dask scheduler on port 8786 and N workers of one thread each on this machine; Ctrl-C ends them.
set -euo pipefail
workers=${1:-2}
export OPENBLAS_NUM_THREADS=1
trap 'kill $(jobs -p) 2>/dev/null' EXIT
dask scheduler --host 127.0.0.1 --port 8786 --no-dashboard &
for _ in $(seq "$workers"); do
    dask worker tcp://127.0.0.1:8786 --nthreads 1 --nworkers 1 --no-dashboard --local-directory "${TMPDIR:-/tmp}/offtape-dask" &
done
wait
