#!/usr/bin/env bash
# Runs every fuzz target, or those that are named, one after the other, and prints a table of the runs.
#
#     fuzz/run.sh SECONDS [TARGET ...]
#
# Each begins with the committed corpus, which stays as it is: what a run adds is in fuzz/target/found/TARGET, and a
# program that fails is in fuzz/artifacts/TARGET. `JOINQ_TRACE=1 cargo fuzz run TARGET FILE` prints its steps.
# Needs cargo-fuzz: cargo install cargo-fuzz
set -euo pipefail
cd "$(dirname "$0")/.."
export RUSTC_BOOTSTRAP=1
unset RUSTFLAGS

seconds=${1:?"fuzz/run.sh SECONDS [TARGET ...]"}
shift
targets=("$@")
if [ ${#targets[@]} = 0 ]; then
    mapfile -t targets < <(cargo fuzz list)
fi
cargo fuzz build --quiet 2>/dev/null || cargo fuzz build

echo "load $(cut -d ' ' -f 1-3 /proc/loadavg), $(nproc) cores, $(date -u +%Y-%m-%dT%H:%MZ)"
echo "| target | seconds | programs | edges | result |"
echo "|---|---|---|---|---|"
status=0
for target in "${targets[@]}"; do
    found=fuzz/target/found/$target log=fuzz/target/found/$target.log
    mkdir -p "$found"
    result="no fault"
    if ! cargo fuzz run "$target" "$found" "fuzz/corpus/$target" -- \
        -max_total_time="$seconds" -max_len=512 -len_control=20 -timeout=200 -print_final_stats=1 >"$log" 2>&1; then
        result="FAILED: $(grep -m 1 -E "panicked at|ERROR: |BUG" "$log" | cut -c 1-100 || true), see $log"
        status=1
    fi
    programs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    echo "| \`$target\` | $seconds | ${programs:-?} | ${edges:-?} | $result |"
done
exit "$status"
