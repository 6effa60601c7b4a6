# `just` lists the recipes.

default:
    @just --list

# What CI runs.
check:
    .ci/run

# All tests.
test:
    cargo test --workspace

# What a script adds to the page of `stedi serve`; the next build embeds it.
web:
    cd crates/server/web && npm ci && npm run build

# The page in a headless browser.
page:
    tests/page/check.sh

# Format and lint, mending what can be mended.
tidy:
    cargo fmt --all
    cargo clippy --workspace --all-targets --fix --allow-dirty -- -D warnings

# Synthetic data, every table, verified.
demo:
    cargo run -- demo

# Ratios to DuckDB and Polars on FACTOR times the reference data, and of runs that
# take in what is new to full ones.
bench FACTOR="100":
    cargo build --release -p stedi
    python3 bench/compare.py --factor {{FACTOR}} --skip pyspark
    python3 bench/incremental.py --factor {{FACTOR}}
