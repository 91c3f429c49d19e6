//! What is asked of a run, from the environment. What a measure makes of it is its own.

/// How a run is to be.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How much of every count and time, in percent. Only a whole run is compared with others.
    pub percent: usize,
    /// Whether etcd flushes to disk.
    pub fsync: bool,
    /// How many times as long as usual a measure may take, for a machine that is busy with something else.
    pub patience: u32,
}

impl Settings {
    /// As BENCH_PERCENT, BENCH_FSYNC and BENCH_PATIENCE say.
    pub fn from_environment() -> Self {
        let percent = std::env::var("BENCH_PERCENT").ok().and_then(|text| text.parse().ok()).unwrap_or(100);
        let patience = std::env::var("BENCH_PATIENCE").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
        Self { percent, fsync: std::env::var("BENCH_FSYNC").is_ok_and(|text| text == "1"), patience }
    }

    /// So much of a count, and one at least.
    pub fn of(self, count: usize) -> usize {
        (count * self.percent / 100).max(1)
    }

    /// Whether this is a whole run.
    pub fn is_whole(self) -> bool {
        self.percent == 100
    }
}

/// The measures that BENCH names, parted by commas; none for all of them.
pub fn only() -> Vec<String> {
    let named = std::env::var("BENCH").unwrap_or_default();
    named.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}
