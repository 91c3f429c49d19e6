//! The clock of one process, moved by a small library in front of the C library (`clock.c`), so that the shipped
//! binary is under test unmodified.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tokio::sync::OnceCell;

use crate::fixture::{must, repository, unique};

/// An hour, in the hands' nanoseconds.
pub const HOUR: i64 = 3_600_000_000_000;
/// The rate of a clock that is right, in thousandths.
const EVEN: i64 = 1000;

/// The hands of a clock.
#[derive(Debug)]
pub struct Hands {
    file: File,
    path: PathBuf,
}

impl Hands {
    /// A clock that is so far ahead and runs at that rate.
    pub fn new(folder: &Path, ahead: i64, rate: i64) -> Self {
        let path = folder.join(format!("clock-{}", unique()));
        let hands = Self { file: must("make a clock", File::create(&path)), path };
        hands.set(ahead, rate);
        hands
    }

    /// Puts it right.
    pub fn right(&self) {
        self.set(0, EVEN);
    }

    fn set(&self, ahead: i64, rate: i64) {
        // In place: the process has the file mapped.
        let bytes = [ahead.to_ne_bytes(), rate.to_ne_bytes()].concat();
        must("move a clock", self.file.write_all_at(&bytes, 0));
    }

    /// What a process is started with to have this clock.
    pub async fn environment(&self) -> [(&'static str, PathBuf); 2] {
        [("LD_PRELOAD", library().await.clone()), ("ICP_TEST_CLOCK", self.path.clone())]
    }
}

/// The library, compiled once.
async fn library() -> &'static PathBuf {
    static LIBRARY: OnceCell<PathBuf> = OnceCell::const_new();
    LIBRARY
        .get_or_init(|| async {
            let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("clock-{}.so", unique()));
            let source = repository("tests/users/clock.c");
            let mut cc = Command::new("cc");
            cc.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(&library).arg(source);
            let output = must("run cc", cc.output());
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            library
        })
        .await
}

#[tokio::test]
async fn the_clock_of_a_process_is_moved_and_put_right() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let hands = Hands::new(folder, HOUR, EVEN);
    let environment = hands.environment().await;
    let off = || {
        let mut date = Command::new("date");
        let output = must("run date", date.arg("+%s").envs(environment.clone()).output());
        let says: i64 = must("read date", String::from_utf8_lossy(&output.stdout).trim().parse());
        says - k8s_openapi::jiff::Timestamp::now().as_second()
    };
    assert!((3_590..=3_600).contains(&off()), "{}", off());
    hands.set(-HOUR, EVEN);
    assert!((-3_610..=-3_600).contains(&off()), "{}", off());
    hands.right();
    assert!((-10..=0).contains(&off()), "{}", off());
}
