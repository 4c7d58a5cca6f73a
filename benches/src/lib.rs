//! Nothing: this package holds the benchmarks in `hot.rs`, and the comparison with rsync in `compare`.
